"""Medians over the rounds, medians of ratios, goals, and how they are shown."""

import os
import platform
from dataclasses import dataclass, field
from statistics import median

import charts

SUBJECT = "weir"
LIMIT = "raw relay"
KIB = 1024
MIB = 1024 * 1024


@dataclass
class Result:
    name: str
    version: str
    rounds: list = field(default_factory=list)
    memory: object = None
    ready_ms: float = 0.0
    readyz_ms: float = 0.0  # weir only

    def of(self, what):
        return median(getattr(one, what) for one in self.rounds)


def ratio(results, name, what, subject=SUBJECT):
    """The median over the rounds of subject/name: what drifts in the machine cancels out."""
    pairs = zip(results[subject].rounds, results[name].rounds)
    return median(getattr(ours, what) / getattr(theirs, what) for ours, theirs in pairs)


def peers_of(results):
    return [name for name in results if not name.startswith(SUBJECT) and name != LIMIT]


def table(results, subject):
    head = ("| | CPU us/request | of it user | requests/s | p50 ms | p99 ms | memory idle MiB "
            f"| KiB per idle connection | ready ms | {subject}'s CPU / its |")
    lines = [head, "|---" + "|---:" * 9 + "|"]
    for name, one in results.items():
        lines.append(
            f"| {name}{' ' + one.version if one.version else ''} | {one.of('cpu_us'):.1f}"
            f" | {one.of('user_us'):.1f} | {one.of('per_second'):,.0f} | {one.of('p50_ms'):.2f}"
            f" | {one.of('p99_ms'):.2f} | {one.memory.idle / MIB:.1f}"
            f" | {one.memory.per_connection / KIB:.1f} | {one.ready_ms:.0f}"
            f" | {ratio(results, name, 'cpu_us', subject):.2f} |")
    return "\n".join(lines)


def goals(results):
    """(goal, measured, limit, holds) for each number that the project promises."""
    if SUBJECT not in results:
        return []
    ours = results[SUBJECT]
    peers = peers_of(results)
    rows = []
    if peers:
        best = min(peers, key=lambda name: results[name].of("cpu_us"))
        rows.append((f"CPU per request / {best}'s, the best peer", ratio(results, best, "cpu_us"), 0.80))
    if LIMIT in results:
        rows.append(("CPU per request / the raw relay's", ratio(results, LIMIT, "cpu_us"), 1.25))
    rows += [
        ("memory idle, MiB", ours.memory.idle / MIB, 12),
        ("memory per idle connection, KiB", ours.memory.per_connection / KIB, 8),
        ("ready (first 200 through it), ms", ours.ready_ms, 50),
        ("ready (/readyz), ms", ours.readyz_ms, 50),
    ]
    return [(goal, value, limit, value <= limit) for goal, value, limit in rows]


def goals_table(results):
    lines = ["| goal | measured | at most | |", "|---|---:|---:|---|"]
    for goal, value, limit, holds in goals(results):
        lines.append(f"| {goal} | {value:.2f} | {limit} | {'met' if holds else 'not met'} |")
    return "\n".join(lines)


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release()}"


_METHOD = """\
HTTP/1.1 keep-alive, 1 KiB answers, 64 connections, one worker each. The proxy has core 0 to itself;
the origin and `wrk` share core 1. Every contender stays up for the whole run and takes one round of
{seconds} s in turn, in a new random order each time, {rounds} times. CPU is user and system time of
the proxy's processes from `/proc/PID/stat`, divided by the requests answered. Columns are medians
over the rounds; ratios are medians of the ratios of each round, because the machine's speed drifts.

weir runs with all its policies on (budget, failover, ejection, breaker, bulkhead, peak-EWMA
balancing, metrics) and writes a JSON access log to a file; the second line is the same without the
log. The peers run without access logs and with none of these policies. H2O has one backend address,
because it cannot balance over two; the raw relay copies bytes between sockets and is the physical
limit. Memory per idle connection is the slope between {fewer:,} and {more:,} connections that have
made one request each; the relay holds a second socket for each. Ready is the time from exec to the
first 200 through the proxy. Configurations: `bench/load/peers/`.
"""


def write(results, skipped, settings, directory):
    """Markdown and charts into `directory`; returns the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    subject = SUBJECT if SUBJECT in results else next(iter(results))
    rows = sorted(results.items(), key=lambda item: item[1].of("cpu_us"))
    emphasised = SUBJECT
    cpu = charts.bars(
        "CPU of the proxy per request", "microseconds",
        # The rest of the total, so that a bar is as long as the table says.
        [(name, (one.of("user_us"), one.of("cpu_us") - one.of("user_us")), name == emphasised)
         for name, one in rows],
        ("user", "system"))
    p99 = charts.bars(
        "Latency at 64 connections, 99th percentile", "milliseconds",
        [(name, (one.of("p99_ms"),), name == emphasised) for name, one in rows])
    text = ["# Side by side with other proxies", "",
            f"Written by `bench/load/run` on {machine()}. Run it to write it again.", "",
            table(results, subject), ""]
    if skipped:
        text += [f"Skipped, because not installed: {', '.join(skipped)}.", ""]
    text += ["![CPU per request](load-cpu.svg)", "", "![99th percentile](load-p99.svg)", ""]
    if SUBJECT in results:
        text += ["## Goals", "", goals_table(results), ""]
    text += ["## How it is measured", "", _METHOD.format(**settings)]
    files = {"load.md": "\n".join(text), "load-cpu.svg": cpu, "load-p99.svg": p99}
    for name, content in files.items():
        (directory / name).write_text(content)
    return [directory / name for name in files]
