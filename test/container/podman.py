"""Podman with a storage of its own below build/, without registries and without networks.

Neither the user's nor the machine's own storage is touched, everything made here goes with
remove(), and images come from a root file system that mmdebstrap makes out of the machine's own apt
sources.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

PROGRAMS = ("podman", "runc", "conmon", "catatonit", "iptables", "mmdebstrap")
# For the application and for clients; the interception rules are looked at with iptables.
DEBIAN_PACKAGES = ("python3", "python3-hpack", "iptables")
SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
COMPILER_CACHE = "buildah-cache"
OLD_SOURCES = Path("/etc/apt/sources.list")

# runc, and limits below the machine's own, go where CAP_SYS_RESOURCE is missing and where control
# groups are of both versions, too.
CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
pids_limit = 2048
[engine]
runtime = "runc"
events_logger = "file"
cgroup_manager = "cgroupfs"
[network]
network_backend = "netavark"
"""


def why_not():
    """Why containers cannot run here; None when they can."""
    if os.geteuid() != 0:
        return "containers with user ids of their own need root: sudo test/container/run"
    missing = [one for one in PROGRAMS if shutil.which(one) is None]
    if missing:
        return f"{', '.join(missing)} not installed: test/setup --install container"
    made = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"],
                          capture_output=True, text=True)
    if made.returncode != 0:
        return f"this machine makes no namespaces: {made.stderr.strip()}"
    return None


class Podman:
    """Calls podman. `folder` keeps the base images and the compiler's cache between runs; one run
    at a time, the next one waits. What a run that was killed has left is removed first."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        self.storage = self.folder / "storage"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.folder / "lock", "w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Names of sockets are short, so what runs lies in a short folder where only root writes.
        key = hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]
        self.running = Path(f"/run/weir-podman-{key}")
        self.temporary = self.folder / "tmp"  # caches of builds, too
        settings = {"CONTAINERS_CONF": CONTAINERS_CONF,
                    "CONTAINERS_STORAGE_CONF": f'[storage]\ndriver = "overlay"\n'
                                               f'graphroot = "{self.storage}"\n'
                                               f'runroot = "{self.running}/run"\n'}
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith(("CONTAINER_", "CONTAINERS_", "STORAGE_"))}
        for name, text in settings.items():
            file = self.folder / f"{name.lower()}.conf"
            file.write_text(text)
            self.environment[name] = str(file)
        self.environment["TMPDIR"] = str(self.temporary)
        if self.storage.exists():
            self.remove()
        self._make_folders()

    def _make_folders(self):
        self.running.mkdir(mode=0o700, exist_ok=True)
        self.temporary.mkdir(exist_ok=True)

    def __call__(self, *arguments, check=True, seconds=120):
        done = subprocess.run(
            ["podman", "--tmpdir", self.running / "tmp", *map(str, arguments)],
            capture_output=True, text=True, timeout=seconds, env=self.environment)
        if check and done.returncode != 0:
            raise RuntimeError(f"podman {' '.join(map(str, arguments))}: {done.returncode}\n"
                               f"{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done

    def build(self, dockerfile, context, tag, *options, seconds=120):
        return self("build", "--pull=never", "--format", "docker", "--network", "host", "-f",
                    dockerfile, "-t", tag, *options, context, seconds=seconds)

    def import_debian(self, tag, packages=DEBIAN_PACKAGES):
        """A Debian with these packages as the image `tag`."""
        self("import", "--quiet", self._debian(packages), tag)

    def _debian(self, packages):
        """The root file system; made once, and again when packages or sources are others."""
        sources = SOURCES if SOURCES.exists() else OLD_SOURCES
        key = hashlib.sha256(repr(packages).encode() + sources.read_bytes()).hexdigest()[:12]
        archive = self.folder / f"debian-{key}.tar"
        if not archive.exists():
            suite = subprocess.run([". /etc/os-release; echo $VERSION_CODENAME"], shell=True,
                                   check=True, capture_output=True, text=True).stdout.strip()
            new = archive.with_suffix(".new.tar")
            done = subprocess.run(
                ["mmdebstrap", "--variant=minbase", *(f"--include={one}" for one in packages),
                 "--dpkgopt=path-exclude=/usr/share/man/*",
                 "--dpkgopt=path-exclude=/usr/share/locale/*", suite, new, sources],
                capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                raise RuntimeError(f"mmdebstrap: {done.stderr[-3000:]}")
            new.rename(archive)
        return archive

    def remove(self):
        """Containers, pods, and the storage itself with all images, which need not be told."""
        self._make_folders()
        for arguments in (["pod", "rm", "--all", "--force", "--time", "0"],
                          ["rm", "--all", "--force", "--time", "0"]):
            self(*arguments, check=False)
        # What a build that was killed has left mounted, innermost first.
        mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for folder in reversed(mounted):
            if folder.startswith((f"{self.storage}/", f"{self.running}/")):
                subprocess.run(["umount", "--quiet", folder], capture_output=True)
        shutil.rmtree(self.storage, ignore_errors=True)
        shutil.rmtree(self.running, ignore_errors=True)
        for left in self.temporary.iterdir():
            if left.name != COMPILER_CACHE:
                shutil.rmtree(left, ignore_errors=True)
