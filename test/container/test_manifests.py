"""Promise: what stands in docker/ fits together: files, names, ports, users, rights and times."""

import copy
import json
import re
import shutil
import subprocess
import sys
import unittest

import setting
from setting import ROOT, TEST

sys.path.insert(0, str(TEST / "support"))

from needs import need_module  # noqa: E402

yaml = need_module("yaml", "python3-yaml")

DOCKER = ROOT / "docker"
BASE = DOCKER / "kubernetes/base"
OVERLAYS = DOCKER / "kubernetes/overlays"
WEIR_USER = 2102
# Between the end of the drain and SIGKILL.
AIR = 5


def read(file):
    return yaml.safe_load(file.read_text())


def documents(text):
    return [one for one in yaml.safe_load_all(text) if one]


def at(document, path):
    """What a JSON pointer names, and its last step."""
    *steps, last = path.strip("/").split("/")
    for step in steps:
        document = document[int(step) if isinstance(document, list) else step]
    return document, last


def patched(document, operations):
    """RFC 6902, as far as the overlays use it."""
    document = copy.deepcopy(document)
    for operation in operations:
        value = copy.deepcopy(operation.get("value"))
        if operation["op"] == "test":
            parent, last = at(document, operation["path"])
            assert parent[int(last) if isinstance(parent, list) else last] == value, operation
            continue
        if operation["op"] == "move":
            parent, last = at(document, operation["from"])
            value = parent.pop(int(last) if isinstance(parent, list) else last)
        parent, last = at(document, operation["path"])
        if isinstance(parent, list):
            parent.insert(len(parent) if last == "-" else int(last), value)
        else:
            parent[last] = value
    return document


def duration(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


def port_of(address):
    return int(address.rpartition(":")[2])


class Kubernetes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kustomization = read(BASE / "kustomization.yaml")
        cls.objects = {one["kind"]: one for name in cls.kustomization["resources"]
                       for one in documents((BASE / name).read_text())}
        overlays = sorted(OVERLAYS.iterdir())
        cls.pods = {overlay.name: cls.deployment(overlay)["spec"]["template"]["spec"]
                    for overlay in overlays}
        # The one that is nearest, as `behavior: replace` has it.
        cls.policies = {overlay.name: next(folder / "weir.yaml" for folder in cls.layers(overlay)
                                           if (folder / "weir.yaml").exists())
                        for overlay in overlays}

    @classmethod
    def layers(cls, folder):
        """It and what it stands on, down to the base."""
        if folder == BASE:
            return [BASE]
        (below,) = (folder / resource for resource
                    in read(folder / "kustomization.yaml")["resources"]
                    if (folder / resource).is_dir())
        return [folder, *cls.layers(below.resolve())]

    @classmethod
    def deployment(cls, overlay):
        """The Deployment as the overlay and those below leave it."""
        deployment = cls.objects["Deployment"]
        for folder in reversed(cls.layers(overlay)[:-1]):
            for patch in read(folder / "kustomization.yaml")["patches"]:
                assert patch["target"] == {"kind": "Deployment",
                                           "name": deployment["metadata"]["name"]}
                deployment = patched(deployment, yaml.safe_load(patch["patch"]))
        return deployment

    def containers(self, pod):
        return {one["name"]: one for one in pod["initContainers"] + pod["containers"]}

    def test_every_file_is_named_and_every_name_is_a_file(self):
        for folder in (BASE, *OVERLAYS.iterdir()):
            with self.subTest(folder.name):
                kustomization = read(folder / "kustomization.yaml")
                named = {"kustomization.yaml", *kustomization["resources"]}
                for generator in kustomization.get("configMapGenerator", ()):
                    named |= set(generator["files"])
                named -= {name for name in named if (folder / name).is_dir()}
                self.assertEqual(named, {file.name for file in folder.iterdir()})

    def test_selectors_match_the_pods_labels(self):
        labels = self.objects["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
        for kind, path in (("Deployment", "selector/matchLabels"), ("Service", "selector"),
                           ("NetworkPolicy", "podSelector/matchLabels"),
                           ("PodMonitor", "selector/matchLabels")):
            parent, last = at(self.objects[kind]["spec"], path)
            self.assertLessEqual(parent[last].items(), labels, kind)

    def test_weir_accepts_its_policy(self):
        for file in {BASE / "weir.yaml", *self.policies.values()}:
            with self.subTest(file):
                code, said = setting.check(file)
                self.assertEqual(code, 0, said)

    def test_ports_agree(self):
        for name, pod in self.pods.items():
            with self.subTest(name):
                weir = read(self.policies[name])
                containers = self.containers(pod)
                ports = {one["name"]: one["containerPort"] for container in containers.values()
                         for one in container.get("ports", ())}
                self.assertEqual(ports["weir-admin"], port_of(weir["admin"]["listen"]))
                self.assertEqual(ports["weir-inbound"], port_of(weir["inbound"]["listen"]))
                self.assertEqual(ports["http"], port_of(weir["inbound"]["application"]))
                for container in containers.values():
                    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                        if http := container.get(kind, {}).get("httpGet"):
                            self.assertEqual(http["port"], "weir-admin")
                for port in self.objects["Service"]["spec"]["ports"]:
                    self.assertIn(port["targetPort"], ports)
                for endpoint in self.objects["PodMonitor"]["spec"]["podMetricsEndpoints"]:
                    self.assertEqual(endpoint["port"], "weir-admin")
                allowed = {port["port"] for rule in self.objects["NetworkPolicy"]["spec"]["ingress"]
                           for port in rule["ports"]}
                self.assertEqual(allowed, set(ports.values()))

    def test_prometheus_alone_may_reach_the_admin_port(self):
        for rule in self.objects["NetworkPolicy"]["spec"]["ingress"]:
            if any(port["port"] == 9901 for port in rule["ports"]):
                (source,) = rule["from"]
                self.assertEqual(set(source), {"namespaceSelector", "podSelector"})

    def test_one_container_has_rights_and_it_ends(self):
        for name, pod in self.pods.items():
            self.assertEqual(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault")
            self.assertFalse(pod["automountServiceAccountToken"])
            for container in self.containers(pod).values():
                with self.subTest(f"{name} {container['name']}"):
                    context = container["securityContext"]
                    rules = container["name"] == "weir-rules"
                    self.assertEqual(context["capabilities"]["drop"], ["ALL"])
                    self.assertEqual(context["capabilities"].get("add"),
                                     ["NET_ADMIN", "NET_RAW"] if rules else None)
                    self.assertIs(context["runAsNonRoot"], not rules)
                    self.assertIs(context["readOnlyRootFilesystem"], True)
                    self.assertIs(context["allowPrivilegeEscalation"], False)
                    self.assertNotIn("privileged", context)
                    self.assertIn("memory", container["resources"]["limits"])
            first = pod["initContainers"][0]
            self.assertEqual((first["name"], first.get("restartPolicy")), ("weir-rules", None))

    def test_weirs_user_is_the_images_and_nobody_elses(self):
        user = re.search(r"^USER (\d+):", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
        self.assertEqual(int(user.group(1)), WEIR_USER)
        for pod in self.pods.values():
            for name, container in self.containers(pod).items():
                self.assertEqual(container["securityContext"]["runAsUser"] == WEIR_USER,
                                 name == "weir")

    def test_volumes_and_images_exist(self):
        maps = {one["name"] for one in self.kustomization["configMapGenerator"]}
        images = {one["name"] for one in self.kustomization["images"]}
        for pod in self.pods.values():
            volumes = {one["name"]: one for one in pod["volumes"]}
            self.assertIn(volumes["weir"]["configMap"]["name"], maps)
            for name, container in self.containers(pod).items():
                mounted = {one["name"] for one in container.get("volumeMounts", ())}
                self.assertLessEqual(mounted, set(volumes))
                self.assertFalse([one for one in container.get("volumeMounts", ())
                                  if "subPath" in one])
                if name != "application":
                    self.assertIn(container["image"], images)
                    self.assertIn("weir", mounted)

    def test_the_time_to_end_is_enough(self):
        for name, pod in self.pods.items():
            with self.subTest(name):
                drain = duration(read(self.policies[name])["process"]["drain"])
                pauses = [container["lifecycle"]["preStop"]["sleep"]["seconds"]
                          for container in self.containers(pod).values()
                          if "lifecycle" in container]
                self.assertGreaterEqual(pod["terminationGracePeriodSeconds"],
                                        max(pauses) + drain + AIR)

    def test_native_begins_before_and_ends_after_the_application(self):
        for name in ("native", "mutual-tls"):
            with self.subTest(name):
                pod = self.pods[name]
                self.assertEqual([one["name"] for one in pod["initContainers"]],
                                 ["weir-rules", "weir"])
                self.assertEqual(pod["initContainers"][1]["restartPolicy"], "Always")
                self.assertEqual([one["name"] for one in pod["containers"]], ["application"])

    def test_classic_holds_the_application_back_and_waits_at_the_end(self):
        pod = self.pods["classic"]
        self.assertEqual([one["name"] for one in pod["initContainers"]], ["weir-rules"])
        self.assertEqual([one["name"] for one in pod["containers"]], ["weir", "application"])
        lifecycle = pod["containers"][0]["lifecycle"]
        self.assertEqual(lifecycle["postStart"]["exec"]["command"][:2], ["/weir", "probe"])
        self.assertGreaterEqual(lifecycle["preStop"]["sleep"]["seconds"],
                                pod["containers"][1]["lifecycle"]["preStop"]["sleep"]["seconds"])

    def test_certificates_lie_where_weir_alone_reads_them(self):
        pod = self.pods["mutual-tls"]
        weir = read(self.policies["mutual-tls"])
        mounts = {(name, mount["mountPath"]) for name, container in self.containers(pod).items()
                  for mount in container.get("volumeMounts", ()) if mount["name"] == "identity"}
        self.assertEqual(mounts, {("weir", weir["tls"]["directory"])})
        (volume,) = (one for one in pod["volumes"] if one["name"] == "identity")
        self.assertTrue(volume["csi"]["readOnly"])
        self.assertEqual(pod["securityContext"]["fsGroup"], WEIR_USER)
        account, role, binding = documents((OVERLAYS / "mutual-tls/identity.yaml").read_text())
        self.assertEqual(pod["serviceAccountName"], account["metadata"]["name"])
        self.assertEqual(binding["roleRef"]["name"], role["metadata"]["name"])
        self.assertEqual(binding["subjects"], [{"kind": "ServiceAccount",
                                                "name": account["metadata"]["name"]}])
        self.assertEqual(weir["inbound"]["tls"], "strict")
        self.assertEqual(weir["inbound"]["authorization"]["default"], "deny")

    @unittest.skipUnless(shutil.which("kubectl"), "kubectl is not installed")
    def test_kustomize_builds_what_was_looked_at(self):
        for name, pod in self.pods.items():
            with self.subTest(name):
                done = subprocess.run(["kubectl", "kustomize", OVERLAYS / name],
                                      capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                built = {one["kind"]: one for one in documents(done.stdout)}
                more = {"ServiceAccount", "Role", "RoleBinding"} if name == "mutual-tls" else set()
                self.assertEqual(set(built), {*self.objects, "ConfigMap", *more})
                self.assertEqual(built["ConfigMap"]["data"]["weir.yaml"],
                                 self.policies[name].read_text())
                template = json.loads(json.dumps(built["Deployment"])
                                      .replace("registry.example.com/", "").replace(":0.1.0", ""))
                self.assertEqual(template["spec"]["template"]["spec"], pod)


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.services = read(DOCKER / "compose.yaml")["services"]
        cls.weir = read(DOCKER / "weir.yaml")

    def test_files_exist(self):
        for name, service in self.services.items():
            for volume in service.get("volumes", ()):
                source, _, mode = volume.split(":")
                self.assertTrue((DOCKER / source).is_file(), f"{name}: {source}")
                self.assertEqual(mode, "ro")
            if build := service.get("build"):
                context = (DOCKER / build["context"]).resolve()
                self.assertTrue((context / build["dockerfile"]).is_file())
                stages = re.findall(r"^FROM \S+ AS (\S+)", (DOCKER / "Dockerfile").read_text(),
                                    re.MULTILINE)
                self.assertIn(build.get("target", "frame"), stages)

    def test_weir_accepts_its_policy(self):
        code, said = setting.check(DOCKER / "weir.yaml")
        self.assertEqual(code, 0, said)

    def test_one_service_has_rights_and_it_ends(self):
        for name, service in self.services.items():
            if name == "prometheus":
                continue
            with self.subTest(name):
                rules = name == "rules"
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service.get("cap_add"),
                                 ["NET_ADMIN", "NET_RAW"] if rules else None)
                self.assertTrue(service["read_only"])
                self.assertIn("no-new-privileges:true", service["security_opt"])
                self.assertEqual(service.get("network_mode"),
                                 None if name == "application" else "service:application")
        self.assertEqual(self.services["rules"]["restart"], "no")

    def test_they_begin_in_order(self):
        order = {name: {other: one["condition"] for other, one
                        in service.get("depends_on", {}).items()}
                 for name, service in self.services.items()}
        self.assertEqual(order, {
            "application": {}, "rules": {"application": "service_started"},
            "weir": {"rules": "service_completed_successfully"},
            "prometheus": {"weir": "service_healthy"}})

    def test_the_application_outlives_weirs_drain(self):
        drain = duration(self.weir["process"]["drain"])
        seconds = {name: duration(service["stop_grace_period"])
                   for name, service in self.services.items() if "stop_grace_period" in service}
        self.assertGreaterEqual(seconds["weir"], drain + AIR)
        self.assertGreaterEqual(seconds["application"], seconds["weir"])

    def test_prometheus_scrapes_the_admin_port(self):
        prometheus = read(DOCKER / "prometheus.yml")
        (job,) = prometheus["scrape_configs"]
        port = port_of(self.weir["admin"]["listen"])
        self.assertEqual(job["static_configs"][0]["targets"], [f"application:{port}"])
        mounted = [volume.split(":")[1].rpartition("/")[2]
                   for volume in self.services["prometheus"]["volumes"]]
        self.assertLessEqual(set(prometheus["rule_files"]), set(mounted))

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_finds_nothing_wrong(self):
        done = subprocess.run(["promtool", "check", "config", "--syntax-only",
                               DOCKER / "prometheus.yml"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
