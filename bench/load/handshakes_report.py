"""The page about handshakes and idle TLS connections."""

from handshakes import CONNECTIONS, KINDS, ratio
from report import KIB, SUBJECT, machine, met_table

MEMORY_GOAL = 24 * KIB  # per idle connection

_METHOD = """\
TLS 1.3, X25519, AES-128-GCM, a P-256 certificate that `openssl` makes for the run. `weir_tls_load`
keeps {connections} connections at work on core 1: it closes each one right after its handshake,
counts it when the proxy has closed it, too, and begins the next; when resuming, with the newest
ticket and a new key share. After resuming H2O sends no new ticket, the others do. The proxy has
core 0 to itself. {rounds} rounds of {seconds} s in turn, in a new random order each time; CPU is
user and system time of the proxy's processes from `/proc/PID/stat`, divided by the handshakes.

A client's part of a full handshake costs more than the server's, so the load can be the limit; the
columns "core" tell how much of its core the proxy used. Where that is below 100 %, handshakes per
second compare badly, and those per second of the proxy's CPU compare well: ratios are of those.

Memory is the slope between {fewer:,} and {more:,} connections that have made one request each; with
mutual TLS each caller has shown a certificate. Run alone: `bench/load/run --scenario handshakes`.
Configurations: `bench/load/peers/`.{absent}
"""


def goals(results):
    """(goal, measured, limit, holds)"""
    if SUBJECT not in results:
        return []
    rows = []
    peers = [name for name in results if not name.startswith(SUBJECT)]
    for kind in KINDS if peers else ():
        best = max(peers, key=lambda name: results[name].of(kind, "per_cpu_second"))
        value = ratio(results, kind, SUBJECT, best)
        rows.append((f"{kind} handshakes per second of CPU / {best}'s, the best peer",
                     f"{value:.2f}", "at least 1", value >= 1))
    ours = results[SUBJECT]
    for what, memory in (("TLS", ours.memory), ("mutual TLS", ours.mutual)):
        value = memory.per_connection
        rows.append((f"memory per idle connection with {what}, KiB", f"{value / KIB:.1f}",
                     f"at most {MEMORY_GOAL // KIB}", value <= MEMORY_GOAL))
    return rows


def goals_table(results):
    return met_table(goals(results))


def _half(one, kind):
    resumed = f" {one.of(kind, 'resumed'):.0%} |" if kind == "resumed" else ""
    return (f" {one.of(kind, 'per_second'):,.0f} | {one.of(kind, 'busy'):.0%}"
            f" | {one.of(kind, 'cpu_us'):.0f} |" + resumed)


def table(results):
    lines = ["| | full/s | core | CPU us/full | resumed/s | core | CPU us/resumed | were resumed"
             " | KiB per idle connection | with mutual TLS |", "|---" + "|---:" * 9 + "|"]
    for name, one in results.items():
        mutual = f"{one.mutual.per_connection / KIB:.1f}" if one.mutual else "cannot"
        lines.append(f"| {name} |" + "".join(_half(one, kind) for kind in KINDS)
                     + f" {one.memory.per_connection / KIB:.1f} | {mutual} |")
    return "\n".join(lines)


def write(results, settings, directory):
    """The page into `directory`; returns the paths."""
    without = [name for name, one in results.items() if one.mutual is None]
    absent = f" {', '.join(without)} cannot ask for certificates." if without else ""
    lines = ["# TLS: handshakes and idle connections, side by side", "",
             f"Written by `bench/load/run` on {machine()}. Run it to write it again.", "",
             table(results), ""]
    if SUBJECT in results:
        lines += ["## Goals", "", goals_table(results), ""]
    lines += ["## How it is measured", "",
              _METHOD.format(connections=CONNECTIONS, absent=absent, **settings)]
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "tls.md"
    path.write_text("\n".join(lines))
    return [path]
