"""TLS without requests: handshakes, full and resumed, and what an idle connection takes."""

import random
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import contenders
import measure
from contenders import LOAD_CORE, MUTUAL, TLS_H1, Running

CONNECTIONS = 32  # at once
KINDS = ("full", "resumed")


@dataclass(frozen=True)
class Round:
    per_second: float
    cpu_us: float  # of the proxy, per handshake
    busy: float  # share of its core that the proxy used: below 1 the load was the limit
    resumed: float  # share of the handshakes
    errors: int

    @property
    def per_cpu_second(self):
        """What the proxy would do if it alone were the limit."""
        return 1e6 / self.cpu_us


@dataclass
class Result:
    name: str
    rounds: dict = field(default_factory=lambda: {kind: [] for kind in KINDS})
    memory: object = None
    mutual: object = None  # memory with mutual TLS; None: cannot do it

    def of(self, kind, what):
        return median(getattr(one, what) for one in self.rounds[kind])


def ratio(results, kind, subject, name):
    """The median over the rounds of subject/name in handshakes per second of CPU."""
    pairs = zip(results[subject].rounds[kind], results[name].rounds[kind])
    return median(ours.per_cpu_second / theirs.per_cpu_second for ours, theirs in pairs)


def load_round(running, tools, kind, seconds):
    command = ["taskset", "-c", str(LOAD_CORE), Path(tools) / "weir_tls_load",
               "--port", str(running.port), "--seconds", str(seconds),
               "--connections", str(CONNECTIONS), "--resume", str(int(kind == "resumed"))]
    before = running.cpu_seconds()
    done = subprocess.run(command, capture_output=True, text=True)
    after = running.cpu_seconds()
    if done.returncode != 0:
        raise RuntimeError(f"{running.contender.name}, {kind} handshakes:\n{done.stderr}")
    said = {name: float(value) for name, value in re.findall(r"([a-z]\w*) ([\d.]+)", done.stdout)}
    cpu = sum(after) - sum(before)
    return Round(
        per_second=said["handshakes"] / said["seconds"],
        cpu_us=cpu * 1e6 / said["handshakes"],
        busy=cpu / said["seconds"],
        resumed=said["resumed"] / said["handshakes"],
        errors=int(said["errors"]),
    )


def _run_rounds(present, origin_port, options, results):
    running = {one.name: Running(one, origin_port, TLS_H1) for one in present}
    try:
        for one in running.values():
            measure.wait_ready(one)
            load_round(one, options.tools, "full", 1)  # warm-up
        for number in range(options.rounds):
            for name in random.sample(list(running), len(running)):
                for kind in KINDS:
                    done = load_round(running[name], options.tools, kind, options.seconds)
                    results[name].rounds[kind].append(done)
                    print(f"round {number + 1}/{options.rounds}  {name:10} {kind:8}"
                          f" {done.per_second:7.0f}/s  {done.cpu_us:6.1f} us each"
                          f"  core {done.busy:4.0%}  resumed {done.resumed:4.0%}"
                          + (f"  {done.errors} ERRORS" if done.errors else ""), flush=True)
    finally:
        for one in running.values():
            one.close()


def measure_all(present, options):
    """Results by name; `present` can do TLS_H1."""
    results = {one.name: Result(one.name) for one in present}
    origin, origin_port = contenders.start_origin(options.tools, TLS_H1)
    try:
        _run_rounds(present, origin_port, options, results)
        for one in present:
            result = results[one.name]
            result.memory = measure.measure_memory(one, origin_port, options.counts, TLS_H1)
            if one.name in MUTUAL.contenders:
                result.mutual = measure.measure_memory(one, origin_port, options.counts, MUTUAL)
            print(f"memory of {one.name} measured", flush=True)
    finally:
        origin.stop()
    return results
