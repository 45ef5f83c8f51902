"""Promise: the image holds weir and what weir needs, says what that is, and needs no rights."""

import hashlib
import json
import re
import tarfile
import tempfile
import unittest
from pathlib import Path

import setting
from setting import CONFINED, INIT_IMAGE, WEIR_IMAGE, inspect, needs_containers

MOST_BYTES = 25_000_000
SBOM = "usr/share/sbom/weir.spdx.json"
# Files that no package brings: weir, what tells of the packages, and the one user.
OWN = re.compile(r"weir|etc/(passwd|group)|var/lib/dpkg/status\.d/.*|usr/share/sbom/.*")
# One licence of SPDX's list with an exception or without, or several of them.
LICENCE = re.compile(r"NOASSERTION|[A-Za-z0-9.-]+( (WITH|AND|OR) [A-Za-z0-9.-]+)*")


def content_of(image):
    """path -> (kind, bytes) of everything in the image"""
    container = setting.podman("create", "--network", "none", image).stdout.strip()
    found = {}
    with tempfile.TemporaryDirectory(dir=setting.podman.running) as folder:
        archive = Path(folder) / "image.tar"
        setting.podman("export", "-o", archive, container)
        with tarfile.open(archive) as tar:
            for member in tar:
                data = tar.extractfile(member).read() if member.isfile() else b""
                found[member.name.removeprefix("./")] = (member, data)
    setting.podman("rm", container)
    return found


@needs_containers
class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.about = inspect(WEIR_IMAGE)
        cls.files = content_of(WEIR_IMAGE)

    def test_it_is_small(self):
        print(f"      {self.about['Size'] / 1e6:.1f} MB; with iptables "
              f"{inspect(INIT_IMAGE)['Size'] / 1e6:.1f} MB")
        self.assertLessEqual(self.about["Size"], MOST_BYTES)

    def test_it_says_what_it_is_and_how_it_runs(self):
        config = self.about["Config"]
        labels = {name.removeprefix("org.opencontainers.image."): value
                  for name, value in config["Labels"].items()}
        self.assertEqual(labels["title"], "weir")
        self.assertRegex(labels["version"], r"^\d+\.\d+\.\d+$")
        for name in ("description", "revision", "source", "licenses"):
            self.assertTrue(labels[name], name)
        self.assertRegex(config["User"], r"^[1-9]\d*:[1-9]\d*$")  # runAsNonRoot asks for numbers
        self.assertEqual(config["StopSignal"], "SIGTERM")
        self.assertEqual(config["Entrypoint"], ["/weir"])
        self.assertEqual(config["Cmd"], ["run", "-c", "/etc/weir/weir.yaml"])
        self.assertEqual(self.about["Healthcheck"]["Test"], ["CMD", "/weir", "probe"])

    def test_only_the_image_that_writes_rules_is_roots(self):
        config = inspect(INIT_IMAGE)["Config"]
        self.assertEqual(config["User"], "0:0")
        self.assertEqual(config["Cmd"][:2], ["iptables", "apply"])

    def test_it_holds_no_shell_and_nothing_with_more_rights(self):
        programs = {path for path, (member, _) in self.files.items()
                    if member.isfile() and member.mode & 0o111 and ".so" not in path}
        self.assertEqual(programs, {"weir"})
        for path, (member, _) in self.files.items():
            self.assertFalse(member.mode & 0o6000, f"{path} is setuid or setgid")
            if member.isfile():
                self.assertFalse(member.mode & 0o022, f"others may write {path}")

    def test_the_program_is_stripped(self):
        self.assertNotIn(b".debug_info", self.files["weir"][1])
        self.assertNotIn(b".symtab", self.files["weir"][1])

    def test_certificates_lie_where_openssl_looks(self):
        bundle = self.files["etc/ssl/certs/ca-certificates.crt"][1]
        self.assertGreater(bundle.count(b"BEGIN CERTIFICATE"), 50)
        self.assertEqual(self.files["usr/lib/ssl/cert.pem"][0].linkname,
                         "/etc/ssl/certs/ca-certificates.crt")

    def test_the_user_has_a_name(self):
        user, group = self.about["Config"]["User"].split(":")
        self.assertEqual(self.files["etc/passwd"][1].decode().split(":")[2:4], [user, group])
        self.assertEqual(self.files["etc/group"][1].decode().split(":")[2], group)


@needs_containers
class Sbom(unittest.TestCase):
    def check(self, image):
        files = content_of(image)
        sbom = json.loads(files[SBOM][1])
        for name, value in (("spdxVersion", "SPDX-2.3"), ("dataLicense", "CC0-1.0"),
                            ("SPDXID", "SPDXRef-DOCUMENT")):
            self.assertEqual(sbom[name], value)
        self.assertRegex(sbom["documentNamespace"], r"^urn:uuid:[0-9a-f-]{36}$")
        self.assertRegex(sbom["creationInfo"]["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.check_packages(sbom["packages"])
        self.check_relations(sbom)
        self.check_files(sbom["files"], files)
        return sbom

    def check_packages(self, packages):
        for package in packages:
            for name in ("SPDXID", "name", "versionInfo", "downloadLocation"):
                self.assertTrue(package[name], package)
            self.assertRegex(package["licenseDeclared"], rf"^(?:{LICENCE.pattern})$")
            if package["name"] != "weir":
                self.assertRegex(package["externalRefs"][0]["referenceLocator"],
                                 r"^pkg:deb/debian/[a-z0-9.+-]+@[^ +:]+\?arch=\w+"
                                 r"&distro=debian-12$")
                self.assertIn("built from ", package["sourceInfo"])

    def check_relations(self, sbom):
        elements = [one["SPDXID"] for one in sbom["packages"] + sbom["files"]]
        self.assertEqual(len(elements), len(set(elements)), "an id is given twice")
        known = {*elements, "SPDXRef-DOCUMENT"}
        related = set()
        for relation in sbom["relationships"]:
            ends = {relation["spdxElementId"], relation["relatedSpdxElement"]}
            self.assertLessEqual(ends, known)
            related |= ends
        self.assertEqual(related, known, "something is related to nothing")

    def check_files(self, listed, files):
        """What the image holds is what the SBOM says, byte for byte."""
        sums = {one["fileName"].removeprefix("./"):
                {kind["algorithm"]: kind["checksumValue"] for kind in one["checksums"]}
                for one in listed}
        for path, (member, data) in files.items():
            if not member.isfile() or OWN.fullmatch(path) and path != "weir":
                continue
            if not data and path.startswith(("etc/", "run/", "dev/", "proc/", "sys/")):
                continue  # where the runtime mounts its own
            self.assertEqual(sums.pop(path, {}).get("SHA256"), hashlib.sha256(data).hexdigest(),
                             path)
        self.assertEqual(sums, {}, "listed, but not there")

    def test_it_names_every_file_of_the_image(self):
        sbom = self.check(WEIR_IMAGE)
        names = {one["name"] for one in sbom["packages"]}
        self.assertLessEqual({"weir", "libc6", "libstdc++6", "ca-certificates"}, names)

    def test_it_names_every_file_of_the_image_with_iptables(self):
        names = {one["name"] for one in self.check(INIT_IMAGE)["packages"]}
        self.assertIn("iptables", names)

    def test_versions_are_those_that_the_libraries_tell(self):
        files = content_of(WEIR_IMAGE)
        versions = {one["name"]: one["versionInfo"] for one in json.loads(files[SBOM][1])["packages"]}
        for library, package, said in (
                ("libc.so.6", "libc6", "(Debian GLIBC {})".format(versions["libc6"])),
                ("libcrypto.so.3", "libssl3", "OpenSSL {} ".format(
                    versions["libssl3"].partition("-")[0]))):
            (content,) = (data for path, (_, data) in files.items() if path.endswith(f"/{library}"))
            self.assertIn(said.encode(), content, package)

    def test_scanners_find_every_package_with_its_licence(self):
        files = content_of(WEIR_IMAGE)
        sbom = json.loads(files[SBOM][1])
        inside = {one["relatedSpdxElement"] for one in sbom["relationships"]
                  if one["relationshipType"] == "DEPENDS_ON"}
        for package in sbom["packages"]:
            if package["SPDXID"] not in inside:
                continue
            record = files[f"var/lib/dpkg/status.d/{package['name']}"][1].decode()
            self.assertIn(f"\nVersion: {package['versionInfo']}\n", record)
            self.assertTrue(files[f"usr/share/doc/{package['name']}/copyright"][1])


@needs_containers
class Confined(unittest.TestCase):
    """weir alone in a container that may do nothing."""

    def run_weir(self, *command):
        return setting.podman("run", "--rm", "--network", "none", *CONFINED, WEIR_IMAGE, *command,
                              check=False)

    def test_it_runs_without_any_right(self):
        done = self.run_weir("--version")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^weir \d+\.\d+\.\d+\n$")

    def test_it_says_that_the_configuration_is_missing(self):
        done = self.run_weir()
        self.assertEqual(done.returncode, 66)
        self.assertIn("/etc/weir/weir.yaml: No such file or directory", done.stderr)

    def test_the_healthcheck_is_the_programs_own(self):
        folder = Path(tempfile.mkdtemp(dir=setting.podman.running))
        (folder / "weir.yaml").write_text(
            "service: { name: alone }\n"
            "inbound: { listen: 0.0.0.0:15006, application: 127.0.0.1:8080 }\n")
        folder.chmod(0o755)
        name = setting.podman("run", "--detach", "--network", "none", *CONFINED, "-v",
                              f"{folder}:/etc/weir:ro", WEIR_IMAGE).stdout.strip()
        self.addCleanup(setting.podman, "rm", "--force", "--time", "0", name)
        done = setting.podman("exec", name, "/weir", "probe", "--within", "10")
        self.assertEqual(done.stdout, "weir: 127.0.0.1:9901/readyz: 200 ready\n")
        done = setting.podman("healthcheck", "run", name, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        process = Path(f"/proc/{inspect(name)['State']['Pid']}/status").read_text()
        self.assertRegex(process, r"(?m)^Uid:\s2102\s2102\s2102\s2102$")
        self.assertRegex(process, r"(?m)^CapEff:\s0+$")
        self.assertRegex(process, r"(?m)^NoNewPrivs:\s1$")
        self.assertRegex(process, r"(?m)^Seccomp:\s2$")
        setting.podman("stop", "--time", "20", name)
        self.assertEqual(inspect(name)["State"]["ExitCode"], 0)
