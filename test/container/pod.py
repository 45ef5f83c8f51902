"""A pod of an application, weirs and clients."""

import json
import subprocess
import tempfile
from pathlib import Path

import setting
from setting import CONFINED, DEBIAN_IMAGE, HERE, INIT_IMAGE, WEIR_IMAGE, inspect


class Pod:
    """A pod without a network but its own loopback."""

    def __init__(self, name):
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=setting.podman.running))
        self.folder.chmod(0o755)
        setting.podman("pod", "create", "--name", name, "--network", "none")
        setting.podman("pod", "start", name)

    def write(self, name, text):
        (self.folder / name).mkdir()
        (self.folder / name / "weir.yaml").write_text(text)

    def weir(self, name):
        self.start(name, WEIR_IMAGE, *CONFINED, "-v", f"{self.folder / name}:/etc/weir:ro")

    def start(self, name, image, *options, command=()):
        setting.podman("run", "--detach", "--pod", self.name, "--name", f"{self.name}-{name}",
                       *options, image, *command)

    def application(self, user=1000):
        """On loopback only: from outside it can be reached through weir and in no other way."""
        self.start("application", DEBIAN_IMAGE, *CONFINED, "--user", user, "-v",
                   f"{HERE}:/test:ro",
                   command=("python3", "/test/application.py", "127.0.0.1", 8080))

    def rules(self, name):
        """What the init container says and how it ends: `weir iptables apply`, with its rights."""
        return setting.podman("run", "--rm", "--pod", self.name, *CONFINED, "--cap-add",
                              "NET_ADMIN", "--cap-add", "NET_RAW", "--tmpfs", "/run", "-v",
                              f"{self.folder / name}:/etc/weir:ro", INIT_IMAGE, check=False)

    def client(self, *arguments, user=1001):
        """What client.py printed."""
        done = setting.podman("run", "--rm", "--pod", self.name, *CONFINED, "--user", user, "-v",
                              f"{HERE}:/test:ro", DEBIAN_IMAGE, "python3", "/test/client.py",
                              *arguments)
        return json.loads(done.stdout)

    def probe(self, name, *arguments):
        return setting.podman("exec", f"{self.name}-{name}", "/weir", "probe", *arguments,
                              check=False)

    def inspect(self, name):
        return inspect(f"{self.name}-{name}")

    def has_ipv6(self):
        addresses = Path(f"/proc/{self.pid()}/net/if_inet6")
        return addresses.exists() and addresses.read_text().strip() != ""

    def pid(self):
        """A process in the pod's network namespace."""
        found = setting.podman("pod", "inspect", "--format", "{{.InfraContainerID}}", self.name)
        return inspect(found.stdout.strip())["State"]["Pid"]

    def inside(self, *command):
        """Runs a command of this machine in the pod's network."""
        return subprocess.run(["nsenter", "--target", str(self.pid()), "--net", *command],
                              capture_output=True, text=True, timeout=20, check=True).stdout

    def in_flight(self, name, path):
        """Whether that weir works on a request for the path."""
        said = json.loads(self.inside("python3", str(HERE / "client.py"), "get", "127.0.0.1",
                                      "9901", "/status.json"))
        return any(path in json.dumps(one) for one in json.loads(said["body"])["in_flight"])

    def end(self):
        setting.podman("pod", "rm", "--force", "--time", "0", self.name, check=False)
