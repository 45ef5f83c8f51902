"""The page about opaque TCP in bulk."""

from bulk import ratio
from report import SUBJECT, machine, met_table

MIB = 1 << 20

_METHOD = """\
One connection at a time fetches {gigabytes} GB ({gigabytes} x 10^9 bytes) through the proxy. Both
ends are on core 1, where the one that fetches throws the bytes away unseen (`MSG_TRUNC`); the proxy
has core 0 to itself. {rounds} rounds in turn, in a new random order each time; CPU is user and
system time of the proxy's process from `/proc/PID/stat`, divided by the gigabytes. Ratios are the
medians of the rounds' own ratios. The raw relay copies with one `read` and one `send` of 64 KiB and
does nothing else. weir has its policies on: breaker, ejection, bulkhead, limits.

Run alone: `bench/load/run --scenario tunnel`. Configurations: `bench/load/peers/`.
"""


def goals(results):
    """(goal, measured, limit, holds)"""
    rows = []
    peers = [name for name in results if name.startswith("haproxy")]
    if SUBJECT not in results or not peers:
        return rows
    cheapest = min(peers, key=lambda name: results[name].of("cpu_ms"))
    value = ratio(results, "cpu_ms", SUBJECT, cheapest)
    rows.append((f"CPU per GB / that of {cheapest}", f"{value:.2f}", "at most 1", value <= 1))
    fastest = max(peers, key=lambda name: results[name].of("gb_per_second"))
    value = ratio(results, "gb_per_second", SUBJECT, fastest)
    rows.append((f"speed / that of {fastest}", f"{value:.2f}", "at least 1", value >= 1))
    return rows


def goals_table(results):
    return met_table(goals(results))


def table(results):
    lines = ["| | GB/s | CPU ms/GB | user | system | resident MiB |", "|---" + "|---:" * 5 + "|"]
    lines += [f"| {name} | {one.of('gb_per_second'):.2f} | {one.of('cpu_ms'):.0f}"
              f" | {one.of('user_ms'):.0f} | {one.of('system_ms'):.0f}"
              f" | {one.of('resident') / MIB:.1f} |" for name, one in results.items()]
    return "\n".join(lines)


def write(results, settings, directory):
    """The page into `directory`; returns the paths."""
    lines = ["# Opaque TCP in bulk, side by side", "",
             f"Written by `bench/load/run` on {machine()}. Run it to write it again.", "",
             table(results), ""]
    if goals(results):
        lines += ["## Goals", "", goals_table(results), ""]
    lines += ["## How it is measured", "", _METHOD.format(**settings)]
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "tunnel.md"
    path.write_text("\n".join(lines))
    return [path]
