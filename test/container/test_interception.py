"""Promise: an init container is all that it takes for weir to carry what nobody sent to it.

The pod is as docker/compose.yaml and docker/kubernetes make it: `weir iptables apply` runs once
with NET_ADMIN and NET_RAW, weir itself has no right at all, and the policy is docker/weir.yaml. A
neighbour on a wire of its own stands for the rest of the world.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

import setting
from draining import drain
from pod import Pod
from setting import HERE, ROOT, needs_containers, wait_until

POLICY = ROOT / "docker/weir.yaml"
REPLICA = """\
service: {{ name: replica }}
admin: {{ listen: off }}
inbound:
  listen: "{host}:{port}"
  application: "{host}:{application}"
"""


class Neighbour:
    """Another host: a network namespace, and a wire into the pod's. Two addresses of each kind."""

    pod_address, address = "10.77.0.1", "10.77.0.2"
    pod_address6, address6 = "fd00:77::1", "fd00:77::2"

    def __init__(self, pod):
        self.name = f"weir-test-{os.getpid()}"
        self.folder = pod.folder
        self.names = Path("/etc/netns") / self.name
        self.servers = []
        self.ip("netns", "add", self.name)
        self.ip("link", "add", "wire", "netns", self.name, "type", "veth", "peer", "name", "eth0",
                "netns", pod.pid())
        for side, device, address, address6 in (
                ([], "wire", self.address, self.address6),
                (["pod"], "eth0", self.pod_address, self.pod_address6)):
            run = (lambda *words: pod.inside("ip", *words)) if side else (
                lambda *words: self.ip("-n", self.name, *words))
            run("address", "add", f"{address}/24", "dev", device)
            if pod.has_ipv6():
                run("address", "add", f"{address6}/64", "dev", device, "nodad")
            run("link", "set", device, "up")
        self.ip("-n", self.name, "link", "set", "lo", "up")

    def ip(self, *words):
        subprocess.run(["ip", *map(str, words)], check=True, capture_output=True, timeout=20)

    def serve(self, address, port):
        self.start(sys.executable, HERE / "application.py", address, str(port))
        wait_until(lambda: self.answers(address, port), what=f"the neighbour's {address}")

    def replica(self, address, port, application):
        """A weir before the application that is served on that port already."""
        host = f"[{address}]" if ":" in address else address
        policy = self.folder / f"replica-{len(self.servers)}.yaml"
        policy.write_text(REPLICA.format(host=host, port=port, application=application))
        self.start(setting.weir, "run", "-c", policy)
        wait_until(lambda: self.answers(address, port), what=f"the replica's {address}")

    def prometheus(self):
        """Prometheus as docker/compose.yaml has it; it knows the pod as `application`."""
        # Where `ip netns exec` finds files that a namespace has of its own.
        self.names.mkdir(parents=True)
        (self.names / "hosts").write_text(f"127.0.0.1 localhost\n{self.pod_address} application\n")
        folder = self.folder / "prometheus"
        folder.mkdir()
        for file in ("docker/prometheus.yml", "config/alerts.yaml"):
            shutil.copy(ROOT / file, folder)
        self.start("prometheus", f"--config.file={folder}/prometheus.yml",
                   f"--storage.tsdb.path={folder}/data", "--log.level=error")
        wait_until(lambda: self.answers("127.0.0.1", 9090, "/-/ready"), what="Prometheus")

    def asks_prometheus(self, query):
        page = self.client("get", "127.0.0.1", 9090, f"/api/v1/query?query={query}")
        return json.loads(page["body"])["data"]["result"]

    def start(self, *command):
        self.servers.append(subprocess.Popen(["ip", "netns", "exec", self.name, *command],
                                             stdout=subprocess.DEVNULL))

    def answers(self, address, port, path="/"):
        try:
            return self.client("get", address, port, path)["status"] == 200
        except subprocess.CalledProcessError:
            return False

    def client(self, *arguments):
        done = subprocess.run(["ip", "netns", "exec", self.name, sys.executable, HERE / "client.py",
                               *map(str, arguments)], capture_output=True, text=True, timeout=60,
                              check=True)
        return json.loads(done.stdout)

    def end(self):
        for server in self.servers:
            server.terminate()
            server.wait()
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True)
        shutil.rmtree(self.names, ignore_errors=True)
        with contextlib.suppress(OSError):  # somebody else's are there, too, or it never was
            self.names.parent.rmdir()


def why_not():
    if shutil.which("ip") is None or shutil.which("nsenter") is None:
        return "ip or nsenter is not installed"
    done = subprocess.run([setting.weir, "iptables", "print", "-c", POLICY], capture_output=True,
                          text=True, timeout=20)
    return None if done.returncode == 0 else f"weir iptables: {done.stderr.splitlines()[0]}"


@needs_containers
class Interception(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if reason := why_not():
            raise unittest.SkipTest(reason)
        cls.pod = pod = Pod("intercepted")
        cls.addClassCleanup(pod.end)
        cls.ipv6 = pod.has_ipv6()
        cls.neighbour = Neighbour(pod)
        cls.addClassCleanup(cls.neighbour.end)
        cls.neighbour.serve(Neighbour.address, 8080)
        if cls.ipv6:
            cls.neighbour.serve(Neighbour.address6, 8080)
        pod.write("weir", POLICY.read_text())
        cls.applied = pod.rules("weir")
        pod.application()
        pod.weir("weir")
        done = pod.probe("weir", "--within", "10")
        assert done.returncode == 0, done.stderr

    def needs_ipv6(self):
        if not self.ipv6:
            self.skipTest("the kernel gives the pod no IPv6")

    def metric(self, name, **labels):
        """The sum over the series, asked from outside as Prometheus does: not intercepted."""
        page = self.neighbour.client("get", Neighbour.pod_address, 9901, "/metrics")["body"]
        found = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", page, re.MULTILINE)
        wanted = {f'{key}="{value}"' for key, value in labels.items()}
        return sum(float(value) for text, value in found if wanted <= set(text.split(",")))

    def test_1_rules_are_applied_and_applying_them_again_changes_nothing(self):
        self.assertEqual(self.applied.returncode, 0, self.applied.stderr)
        before = self.rules()
        self.assertIn("15006", before)
        again = self.pod.rules("weir")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(self.rules(), before)

    def rules(self):
        """All of them, without counters and dates."""
        said = [self.pod.inside(name) for name in ("iptables-save", "ip6tables-save")]
        return re.sub(r"\[\d+:\d+\]|^#.*\n", "", "".join(said), flags=re.MULTILINE)

    def inbound(self, address):
        answer = self.neighbour.client("get", address, 8080, "/in")
        self.assertEqual(answer["status"], 200)
        self.assertIn("/in via 1.1 weir", answer["body"])

    def test_2_what_comes_in_passes_weir_over_ipv4(self):
        self.inbound(Neighbour.pod_address)

    def test_2_what_comes_in_passes_weir_over_ipv6(self):
        self.needs_ipv6()
        self.inbound(Neighbour.pod_address6)

    def outbound(self, address):
        before = self.metric("weir_requests_total", direction="outbound")
        answer = self.pod.client("get", address, 8080, "/out")
        self.assertEqual(answer["status"], 200)
        self.assertIn("/out via 1.1 weir", answer["body"])
        self.assertEqual(self.metric("weir_requests_total", direction="outbound"), before + 1)

    def test_2_what_goes_out_passes_weir_over_ipv4(self):
        self.outbound(Neighbour.address)

    def test_2_what_goes_out_passes_weir_over_ipv6(self):
        self.needs_ipv6()
        self.outbound(Neighbour.address6)

    def test_2_probes_reach_weir_itself(self):
        answer = self.neighbour.client("get", Neighbour.pod_address, 9901, "/readyz")
        self.assertEqual((answer["status"], answer["body"]), (200, "ready\n"))

    @unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
    def test_2_prometheus_scrapes_it(self):
        self.inbound(Neighbour.pod_address)
        self.neighbour.prometheus()
        wait_until(lambda: self.neighbour.asks_prometheus("weir_requests_total"), seconds=30,
                   what="the first scrape")
        (up,) = self.neighbour.asks_prometheus("up")
        self.assertEqual((up["metric"]["job"], up["metric"]["service"], up["value"][1]),
                         ("weir", "application", "1"))

    def test_3_drains_under_load_without_a_failed_request(self):
        families = [(Neighbour.pod_address, Neighbour.address)]
        if self.ipv6:
            families.append((Neighbour.pod_address6, Neighbour.address6))
        for _, address in families:
            self.neighbour.replica(address, 8088, application=8080)
        drain(self, self.pod, "weir", self.neighbour.client,
              [((first, 8080), (second, 8088)) for first, second in families])
