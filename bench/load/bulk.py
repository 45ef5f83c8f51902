"""Opaque TCP: one large transfer through each proxy, in seconds of CPU for each gigabyte."""

import os
import random
import subprocess
import sys
from dataclasses import dataclass, field
from statistics import median

from contenders import HERE, LOAD_CORE, Contender, Running, Scenario
from processes import Process, accepts, free_port, wait_until

GB = 10**9
TUNNEL = Scenario("tunnel", "Opaque TCP in bulk", (), (), {})
NGINX_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"


@dataclass(frozen=True)
class Round:
    gb_per_second: float
    user_ms: float  # of the proxy, per GB
    system_ms: float
    resident: int  # bytes, right after the transfer

    @property
    def cpu_ms(self):
        return self.user_ms + self.system_ms


@dataclass
class Result:
    name: str
    version: str = ""
    rounds: list = field(default_factory=list)

    def of(self, what):
        return median(getattr(one, what) for one in self.rounds)


def all_contenders(weir, tools):
    haproxy = ("-q", "-f", "$config")
    everybody = [
        Contender("weir", weir, "weir-tunnel.yaml", ("run", "-c", "$config")),
        Contender("haproxy", "haproxy", "haproxy-tunnel.cfg", haproxy, words=(("splice", ""),)),
        Contender("haproxy, splice-auto", "haproxy", "haproxy-tunnel.cfg", haproxy,
                  words=(("splice", "    option splice-auto\n"),)),
        Contender("raw relay", str(tools / "weir_raw_relay"), "", ("$port", "$origin")),
    ]
    if os.path.exists(NGINX_MODULE):
        everybody.insert(3, Contender("nginx", "nginx", "nginx-tunnel.conf",
                                      ("-p", "$directory", "-c", "$config"),
                                      words=(("module", NGINX_MODULE),)))
    return everybody


def load_round(running, size_gb):
    command = ["taskset", "-c", str(LOAD_CORE), sys.executable, str(HERE / "bulk_ends.py"),
               "fetch", str(running.port), str(size_gb * GB)]
    before = running.cpu_seconds()
    done = subprocess.run(command, capture_output=True, text=True)
    after = running.cpu_seconds()
    if done.returncode != 0:
        raise RuntimeError(f"{running.contender.name}:\n{done.stderr}")
    user, system = ((now - then) * 1e3 / size_gb for now, then in zip(after, before))
    return Round(size_gb / float(done.stdout), user, system, running.resident_bytes())


def measure_all(present, options):
    """Results by name."""
    results = {one.name: Result(one.name) for one in present}
    port = free_port()
    origin = Process([sys.executable, HERE / "bulk_ends.py", "serve", str(port)], "origin",
                     LOAD_CORE)
    running = {}
    try:
        origin.wait_for_port(port)
        running.update({one.name: Running(one, port, TUNNEL) for one in present})
        for one in running.values():
            wait_until(lambda one=one: accepts(one.port), 10, one.contender.name)
            load_round(one, 1)  # warm-up
        for number in range(options.rounds):
            for name in random.sample(list(running), len(running)):
                done = load_round(running[name], options.gigabytes)
                results[name].rounds.append(done)
                print(f"round {number + 1}/{options.rounds}  {name:22}"
                      f" {done.gb_per_second:5.2f} GB/s  {done.cpu_ms:6.1f} ms CPU/GB", flush=True)
    finally:
        for one in running.values():
            one.close()
        origin.stop()
    return results


def ratio(results, what, subject, name):
    """The median over the rounds of subject/name."""
    pairs = zip(results[subject].rounds, results[name].rounds)
    return median(getattr(ours, what) / getattr(theirs, what) for ours, theirs in pairs)
