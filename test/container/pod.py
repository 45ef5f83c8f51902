"""A pod of an application, weirs and clients."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import setting
from setting import CONFINED, DEBIAN_IMAGE, HERE, INIT_IMAGE, TEST, WEIR_IMAGE, inspect


class Pod:
    """A pod without a network but its own loopback."""

    def __init__(self, name):
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=setting.podman.running))
        self.folder.chmod(0o755)
        setting.podman("pod", "create", "--name", name, "--network", "none")
        setting.podman("pod", "start", name)

    def write(self, name, text):
        """The policy of that weir, laid out as the kubelet lays out a ConfigMap: a change is a new
        folder, and a link that is exchanged."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        data = Path(tempfile.mkdtemp(prefix="..", dir=folder))
        data.chmod(0o755)
        (data / "weir.yaml").write_text(text)
        (folder / "..data_new").symlink_to(data.name)
        (folder / "..data_new").rename(folder / "..data")
        if not (folder / "weir.yaml").is_symlink():
            (folder / "weir.yaml").symlink_to("..data/weir.yaml")

    def weir(self, name):
        self.start(name, WEIR_IMAGE, *CONFINED, "-v", f"{self.folder / name}:/etc/weir:ro")

    def start(self, name, image, *options, command=()):
        setting.podman("run", "--detach", "--pod", self.name, "--name", f"{self.name}-{name}",
                       *options, image, *command)

    def application(self, user=1000):
        """On loopback only: from outside it can be reached through weir and in no other way."""
        self.start("application", DEBIAN_IMAGE, *CONFINED, "--user", user, "-v",
                   f"{TEST}:/test:ro",
                   command=("python3", "/test/container/application.py", "127.0.0.1", 8080))

    def rules(self, name):
        """What the init container says and how it ends: `weir iptables apply`, with its rights."""
        return setting.podman("run", "--rm", "--pod", self.name, *CONFINED, "--cap-add",
                              "NET_ADMIN", "--cap-add", "NET_RAW", "--tmpfs", "/run", "-v",
                              f"{self.folder / name}:/etc/weir:ro", INIT_IMAGE, check=False)

    def client(self, *arguments, user=1001):
        """What client.py printed."""
        done = setting.podman("run", "--rm", "--pod", self.name, *CONFINED, "--user", user, "-v",
                              f"{TEST}:/test:ro", DEBIAN_IMAGE, "python3",
                              "/test/container/client.py", *arguments)
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

    def admin(self, path):
        """A page of the weir whose admin listener is the default one."""
        return json.loads(self.inside(sys.executable, str(HERE / "client.py"), "get", "127.0.0.1",
                                      "9901", path))["body"]

    def in_flight(self, path):
        """Whether that weir works on a request for the path."""
        return any(path in json.dumps(one)
                   for one in json.loads(self.admin("/status.json"))["in_flight"])

    def end(self):
        setting.podman("pod", "rm", "--force", "--time", "0", self.name, check=False)
