"""The chain as processes: five services, three instances each, with a sidecar beside each."""

import asyncio
import os
import shutil
import signal
import string
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from scenarios import INSTANCES, LEAF, TIERS

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "test" / "support"))

from processes import Process, accepts, cpu_seconds, free_port  # noqa: E402

# Long enough never to be the reason for anything: behind a proxy the application leaves time-outs
# and retries to it, as users of meshes are told.
_PATIENT_MS = 30_000


@dataclass(frozen=True)
class System:
    """What stands between the services."""
    name: str
    title: str
    program: str = ""  # empty: nothing does, and the services' own clients retry
    template: str = ""  # with {role}: edge, middle, leaf
    arguments: tuple = ()  # $config, $directory
    endpoint: str = ""  # how one instance of the next tier is written; $number, $port

    def path(self):
        """The program; None when it is not installed; empty when none is needed."""
        if not self.program:
            return ""
        for folder in ("", "/usr/sbin/", "/usr/local/sbin/"):
            found = shutil.which(folder + self.program)
            if found:
                return found
        return None


def all_systems(weir):
    server = "    server s$number 127.0.0.1:$port"
    haproxy = ("haproxy", ("-q", "-f", "$config"), server)
    return [
        System("weir", "weir", weir, "weir_{role}.yaml", ("run", "-c", "$config"),
               '      - { address: "127.0.0.1:$port" }'),
        System("haproxy", "HAProxy", haproxy[0], "peers/haproxy_{role}.cfg", *haproxy[1:]),
        System("nginx", "NGINX", "nginx", "peers/nginx_{role}.conf",
               ("-p", "$directory", "-c", "$config"), "        server 127.0.0.1:$port;"),
        System("none", "no proxy, retrying clients"),
        System("haproxy-tuned", "HAProxy, tuned", haproxy[0], "peers/haproxy_tuned_{role}.cfg",
               *haproxy[1:]),
    ]


def build_service(tools):
    """The service's binary: the one that was built, or else built here."""
    built = Path(tools) / "weir_storm_service"
    sources = [HERE / "service.cpp", HERE / "loop.h", HERE / "text.h"]
    if not built.exists() or any(one.stat().st_mtime > built.stat().st_mtime for one in sources):
        built.parent.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CXX", "c++")
        subprocess.run([compiler, "-std=c++23", "-O2", sources[0], "-o", built], check=True)
    return built


@dataclass
class Pod:
    """An instance of a service and its sidecar."""
    tier: str
    application: int = field(default_factory=free_port)
    inbound: int = field(default_factory=free_port)
    outbound: int = field(default_factory=free_port)
    admin: int = field(default_factory=free_port)
    service: Process = None
    sidecar: Process = None
    calls: str = ""  # what the ledger said before it was killed

    def processes(self):
        return [one for one in (self.service, self.sidecar) if one]


class Mesh:
    """One system at work. Use as a context manager."""

    def __init__(self, system, scenario, options):
        self.system, self.scenario, self.options = system, scenario, options
        self.directory = tempfile.mkdtemp(prefix="weir-storm-")
        os.chmod(self.directory, 0o755)
        self.pods = {tier: [Pod(tier) for _ in range(INSTANCES)] for tier in TIERS}
        self.edge = Pod("edge")

    def __enter__(self):
        try:
            for index in reversed(range(len(TIERS))):
                for pod in self.pods[TIERS[index]]:
                    self._start_service(pod, index)
                    self._start_sidecar(pod, index)
            if self.system.program:
                self._start_sidecar(self.edge, -1)
            else:
                self._start_service(self.edge, -1)
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self._processes():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for process in self._processes():
            process.stop(seconds=1)
        if not self.options.keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def entry(self):
        """The port that users ask."""
        return self.edge.outbound if self.system.program else self.edge.application

    def leaves(self):
        return self.pods[LEAF]

    def _all(self):
        return [self.edge, *(pod for tier in TIERS for pod in self.pods[tier])]

    def _processes(self):
        return [process for pod in self._all() for process in pod.processes()]

    def cpu(self):
        """{process id: (services or sidecars, CPU seconds so far)} of all that are alive."""
        pairs = [(who, process) for pod in self._all()
                 for who, process in (("services", pod.service), ("sidecars", pod.sidecar))
                 if process and process.running()]
        return {process.pid: (who, sum(cpu_seconds(process.pid))) for who, process in pairs}

    # --- starting

    def _next_ports(self, index):
        """Where calls to the tier behind `index` go in the end."""
        if index + 1 >= len(TIERS):
            return []
        pods = self.pods[TIERS[index + 1]]
        return [pod.inbound if self.system.program else pod.application for pod in pods]

    def _start_service(self, pod, index):
        scenario = self.scenario
        settings = [f"port={pod.application}", f"caller={self.options.caller}",
                    f"copies={self.options.copies}",
                    f"work_ms={scenario.thinking.get(pod.tier, 0)}"]
        if pod.tier == LEAF:
            settings += [f"work_ms={scenario.work_ms}", f"workers={scenario.workers}"]
        elif self.system.program:
            settings += [f"next={pod.outbound}", f"host={TIERS[index + 1]}",
                         f"timeout_ms={_PATIENT_MS}"]
        else:
            ports = ",".join(map(str, self._next_ports(index)))
            settings += [f"next={ports}", f"host={TIERS[index + 1]}", "tries=3",
                         f"timeout_ms={scenario.hop_timeout_ms}"]
        pod.service = Process([self.options.service, *settings], f"{pod.tier} {pod.application}")

    def _start_sidecar(self, pod, index):
        if not self.system.program:
            return
        role = {-1: "edge", len(TIERS) - 1: "leaf"}.get(index, "middle")
        directory = Path(self.directory) / f"{pod.tier}-{pod.application}"
        directory.mkdir(mode=0o755)
        endpoint = string.Template(self.system.endpoint)
        endpoints = [endpoint.substitute(number=number, port=port)
                     for number, port in enumerate(self._next_ports(index), 1)]
        values = {
            "name": pod.tier, "application": pod.application, "inbound": pod.inbound,
            "outbound": pod.outbound, "admin": pod.admin, "directory": directory,
            "config": directory / "config",
            "next": TIERS[index + 1] if endpoints else "", "endpoints": "\n".join(endpoints),
            "user_timeout": f"{self.scenario.user_timeout_ms}ms",
            "hop_timeout": f"{self.scenario.hop_timeout_ms}ms",
            "workers": self.scenario.workers if pod.tier == LEAF else 200,
            "log": f'{{ path: "{directory}/access.log" }}' if self.options.keep else "off",
            # As root it would change to a user who may not write into the directory.
            "nginx_user": "user root;" if os.geteuid() == 0 else "",
        }
        template = HERE / self.system.template.format(role=role)
        values["config"].write_text(string.Template(template.read_text()).substitute(values))
        arguments = [string.Template(one).substitute(values) for one in self.system.arguments]
        pod.sidecar = Process([self.system.path(), *arguments], f"sidecar of {pod.tier}")

    def _wait(self):
        end = time.monotonic() + 10
        for pod in self._all():
            ports = [pod.application] if pod.service else []
            if pod.sidecar:
                ports.append(pod.outbound if pod is self.edge else pod.inbound)
            for port in ports:
                while not accepts(port):
                    for process in pod.processes():
                        if not process.running():
                            raise RuntimeError(f"{process.name} ended:\n{process.errors()}")
                    if time.monotonic() > end:
                        raise TimeoutError(f"{pod.tier} does not listen on {port}")
                    time.sleep(0.005)

    # --- what happens to it

    async def begin(self):
        """The scenario's trigger."""
        trigger, scenario = self.scenario.trigger, self.scenario
        if trigger == "slow":
            await self._set_leaves(f"work_ms={5 * scenario.work_ms}")
        elif trigger == "capacity":
            await self._set_leaves(f"workers={scenario.workers // 5}")
        elif trigger == "hang":
            self.leaves()[0].service.signal(signal.SIGSTOP)
        elif trigger == "kill":
            saved = await get(self.leaves()[0].application, "/calls")
            dying = [process for tier in TIERS for process in self.pods[tier][0].processes()]
            # At the same moment: none shall tell of another's death before its own.
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for process in dying:
                    process.signal(number)
            for process in dying:
                process.kill()
            self.leaves()[0].calls = saved

    async def end(self):
        trigger, scenario = self.scenario.trigger, self.scenario
        if trigger in ("slow", "capacity"):
            await self._set_leaves(f"work_ms={scenario.work_ms}&workers={scenario.workers}")
        elif trigger == "hang":
            self.leaves()[0].service.signal(signal.SIGCONT)

    async def _set_leaves(self, settings):
        await asyncio.gather(*(get(pod.application, f"/set?{settings}") for pod in self.leaves()))

    async def leaf_calls(self):
        """(id, seconds of work, when it ended, outcome) of every call that reached a leaf."""
        texts = [pod.calls or await get(pod.application, "/calls")
                 for pod in self.leaves()]
        calls = []
        for line in "".join(texts).splitlines():
            user, work, ended, outcome = line.split(" ")
            calls.append((int(user), int(work) / 1e6, int(ended) / 1e6, outcome))
        return calls

    async def sidecar_counters(self, names):
        """weir's counters with these names, summed over the instances of a tier; none elsewhere."""
        sums = {}
        for pod in self._all() if self.system.name == "weir" else []:
            if pod.sidecar.running():
                for line in (await get(pod.admin, "/metrics")).splitlines():
                    key, _, value = line.rpartition(" ")
                    if key.startswith(names) and float(value):
                        tier = sums.setdefault(pod.tier, {})
                        tier[key] = tier.get(key, 0) + float(value)
        return sums


async def get(port, path):
    def ask():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.read().decode()
    return await asyncio.to_thread(ask)
