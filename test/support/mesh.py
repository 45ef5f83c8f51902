"""A small mesh on loopback for tests: real weirs, instances that can be ordered to fail, load.

Subclass MeshTest. Everything a test starts ends with it; when a test fails, the output of all its
processes is shown.
"""

import json
import os
import re
import shutil
import signal
import tempfile
import threading
import unittest
from dataclasses import dataclass
from pathlib import Path

import wire
from processes import Process, free_port, resident_bytes, wait_until

# Set by test/e2e/run.
WEIR = Path(os.environ.get("WEIR", "build/weir"))
TOOLS = Path(os.environ.get("WEIR_TOOLS", WEIR.parent))


class Instance:
    """A weir_peer_instance; see peer_instance.cpp for its modes and peer_answer.h for its paths."""

    def __init__(self, name, port=None, user=None):
        self.name = name
        self.port = port or free_port()
        self._control = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process = Process([TOOLS / "weir_peer_instance", "--port", self.port, "--control",
                                self._control, "--name", name], f"instance {name}", user=user)
        self.process.wait_for_port(self._control)
        self.process.wait_for_port(self.port)

    def mode(self, mode):
        """ok, 503, hang, refuse, reset, reset-early, slow/MS, slow-body/MS, slow-read/KIB_S, close"""
        assert wire.request(self._control, "POST", f"/mode/{mode}").status == 200, mode

    def calls(self):
        """Every request seen since the last clear(), as dictionaries, in order."""
        text = wire.request(self._control, target="/calls", timeout=30).text
        return [json.loads(line) for line in text.splitlines()]

    def count(self):
        return len(self.calls())

    def clear(self):
        wire.request(self._control, "POST", "/clear")


@dataclass(frozen=True)
class Answered:
    """What the load client saw of one request."""

    start_ms: float
    elapsed_ms: float
    status: int  # 0: lost or cut; -1: connection refused, nothing was sent
    instance: str
    id: str


class Load:
    """A weir_peer_load: concurrent GET traffic in the background until stop()."""

    def __init__(self, port, user=None, **options):
        command = [TOOLS / "weir_peer_load", "--port", port]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", value]
        self.process = Process(command, "load", user=user)

    def stop(self):
        """Ends the traffic after the requests in flight; every request, in order of completion."""
        if self.process.running():
            self.process.signal(signal.SIGTERM)
        self.process.wait(20)
        return self.so_far()

    def so_far(self):
        """What has been written yet; complete only after stop()."""
        lines = self.process.output().rpartition("\n")[0].splitlines()
        rows = (line.split() for line in lines)
        return [Answered(float(a), float(b), int(c), d, e) for a, b, c, d, e in rows]


class Weir:
    """A weir in its own directory. `config` is what goes into its YAML file (JSON is YAML)."""

    def __init__(self, config, directory, port, admin, inbound):
        self.config = config
        self.directory = Path(directory)
        self.file = self.directory / "weir.yaml"
        self.log_file = self.directory / "access.log"
        self.port, self.admin_port, self.inbound_port = port, admin, inbound
        self.write(config)
        self.process = None

    def start(self, user=None, prefix=()):
        """As `user`; `prefix` is a command that runs it, with other rights for example."""
        self.process = Process([*prefix, WEIR, "run", "-c", self.file], "weir", user=user)

        def ready():
            if not self.process.running():
                raise RuntimeError(f"weir ended with {self.process.code}:\n{self.process.errors()}")
            try:
                return self.admin("/readyz").status == 200
            except (OSError, wire.Closed):
                return False

        wait_until(ready, 10, "weir to be ready")
        return self

    def write(self, config):
        """Replaces the file at once, as a careful writer does, without telling weir."""
        text = config if isinstance(config, str) else json.dumps(config, indent=2) + "\n"
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.rename(self.file)

    def reload(self, config=None):
        """SIGHUP, after writing `config` when given; returns once weir has taken notice."""
        before = self.reloads()
        if config is not None:
            self.write(config)
        self.process.signal(signal.SIGHUP)
        wait_until(lambda: self.reloads() > before, 5, "a reload")

    def reloads(self):
        return self.metric("weir_config_reloads_total")

    def request(self, method="GET", target="/", headers=None, body=None, host="catalog"):
        return wire.request(self.port, method, target, headers, body, host)

    def admin(self, target, **options):
        return wire.request(self.admin_port, target=target, host="localhost", **options)

    def metric(self, name, **labels):
        """The sum of the samples of that name that carry those labels; 0 when there are none."""
        total = 0.0
        for line in self.admin("/metrics").text.splitlines():
            sample = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)(?: \d+)?", line)
            if not sample or sample.group(1) != name:
                continue
            has = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', sample.group(2) or ""))
            if all(has.get(key) == value for key, value in labels.items()):
                total += float(sample.group(3))
        return total

    def expect_metric(self, expected, name, **labels):
        """Waits for that value: an exchange is counted right after its answer has gone out."""
        wait_until(lambda: self.metric(name, **labels) == expected, 5,
                   f"{name} to be {expected} (it is {self.metric(name, **labels)})")

    def log(self, lines=1):
        """The access log's lines, once there are that many."""
        wait_until(lambda: self.log_file.exists() and
                   self.log_file.read_text().count("\n") >= lines, 5, f"{lines} log lines")
        return self.log_file.read_text().splitlines()

    def resident(self):
        return resident_bytes(self.process.pid)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Watch:
    """The largest value that `measure` gave while the block ran."""

    def __init__(self, measure):
        self._measure = measure
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.largest = measure()

    def _run(self):
        while not self._end.wait(0.01):
            self.largest = max(self.largest, self._measure())

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


class MeshTest(unittest.TestCase):
    """A test with processes."""

    def setUp(self):
        self._processes = []
        self._weirs = []
        self.directory = tempfile.mkdtemp(prefix="weir-e2e-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.addCleanup(self._end)

    def instance(self, name="a", port=None, user=None):
        return self._keep(Instance(name, port, user))

    def instances(self, count=3):
        return [self.instance(chr(ord("a") + index)) for index in range(count)]

    def load(self, port, **options):
        return self._keep(Load(port, **options))

    def configure(self, endpoints, upstream=None, route=None, inbound=None, **sections):
        """A weir that is not started yet: one upstream `catalog` with those endpoints (instances,
        addresses or mappings) and one route to it. Sections given by name replace or extend."""
        directory = tempfile.mkdtemp(prefix="weir-", dir=self.directory)
        port, admin, inbound_port = free_port(), free_port(), free_port()
        config = {
            "service": {"name": "test"},
            "admin": {"listen": f"127.0.0.1:{admin}"},
            "outbound": {"listen": f"127.0.0.1:{port}"},
            "upstreams": {"catalog": {"endpoints": [_endpoint(one) for one in endpoints],
                                      **(upstream or {})}},
            "routes": [{"match": {"host": "catalog"}, "to": "catalog", **(route or {})}],
            "access_log": {"path": f"{directory}/access.log", "format": "json"},
        }
        if inbound is not None:
            config["inbound"] = {"listen": f"127.0.0.1:{inbound_port}", **inbound}
        for name, value in sections.items():
            known = config.get(name)
            config[name] = {**known, **value} if isinstance(known, dict) else value
        weir = Weir(config, directory, port, admin, inbound_port)
        self._weirs.append(weir)
        return weir

    def weir(self, endpoints, upstream=None, route=None, inbound=None, **sections):
        """As configure(), started and ready."""
        return self.configure(endpoints, upstream, route, inbound, **sections).start()

    def _keep(self, owner):
        self._processes.append(owner.process)
        return owner

    def _end(self):
        everything = self._processes + [one.process for one in self._weirs if one.process]
        if self._failed():
            for process in everything:
                if process.name != "load":
                    print(f"--- {process.name}: {' '.join(process.command)}")
                    print(process.errors()[-3000:], process.output()[-3000:], sep="")
        for process in reversed(everything):
            process.stop()

    def _failed(self):
        outcome = self._outcome.result
        return any(test.id().startswith(self.id()) for test, _ in outcome.failures + outcome.errors)


def _endpoint(one):
    if isinstance(one, Instance):
        return {"address": one.address}
    return {"address": one} if isinstance(one, str) else one


def calls_by_id(instances):
    """request id -> how many calls all of them together saw"""
    counts = {}
    for instance in instances:
        for call in instance.calls():
            key = call["fields"].get("x-request-id")
            counts[key] = counts.get(key, 0) + 1
    return counts


# Switches that tests use to look at one mechanism alone.
NO_EJECTION = {"ejection": "off"}
NO_BREAKER = {"breaker": "off"}
IN_TURN = {"balance": {"policy": "round_robin"}}
EVERY_FAILOVER = {"failover": {"ratio": "100%", "minimum_per_second": 100}}
FAILOVER_ALONE = {**NO_EJECTION, **NO_BREAKER, **IN_TURN, **EVERY_FAILOVER}
