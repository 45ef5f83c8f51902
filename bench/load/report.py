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


def subject_of(scenario):
    """Of two in a row the pair is judged; one alone is what it is compared with."""
    return f"{SUBJECT}, {SUBJECT}" if scenario.name == "mesh" else SUBJECT


def peers_of(results, scenario):
    peers = [name for name in results if not name.startswith(SUBJECT) and name != LIMIT]
    return [name for name in peers if ", " in name] if scenario.name == "mesh" else peers


def table(results, subject):
    """Memory and start are measured with HTTP/1.1 only."""
    if any(one.memory is None for one in results.values()):
        return _short_table(results, subject)
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


def _short_table(results, subject):
    lines = [f"| | CPU us/request | of it user | requests/s | p50 ms | p99 ms | {subject}'s CPU / its |",
             "|---" + "|---:" * 6 + "|"]
    for name, one in results.items():
        lines.append(
            f"| {name}{' ' + one.version if one.version else ''} | {one.of('cpu_us'):.1f}"
            f" | {one.of('user_us'):.1f} | {one.of('per_second'):,.0f} | {one.of('p50_ms'):.2f}"
            f" | {one.of('p99_ms'):.2f} | {ratio(results, name, 'cpu_us', subject):.2f} |")
    return "\n".join(lines)


def goals(scenario, results):
    """(goal, measured, limit, holds) for each number that the project promises."""
    subject = subject_of(scenario)
    if subject not in results:
        return []
    ours = results[subject]
    peers = peers_of(results, scenario)
    rows = []
    if peers:
        best = min(peers, key=lambda name: results[name].of("cpu_us"))
        rows.append((f"CPU per request / {best}'s, the best peer",
                     ratio(results, best, "cpu_us", subject), scenario.goal))
    if subject != SUBJECT and SUBJECT in results:
        rows.append(("CPU per request of two in a row / of one",
                     ratio(results, SUBJECT, "cpu_us", subject), 1.7))
    if LIMIT in results:
        rows.append(("CPU per request / the raw relay's", ratio(results, LIMIT, "cpu_us"), 1.25))
    if ours.memory is None:
        return _judged(rows)
    rows += [
        ("memory idle, MiB", ours.memory.idle / MIB, 12),
        ("memory per idle connection, KiB", ours.memory.per_connection / KIB, 8),
        ("ready (first 200 through it), ms", ours.ready_ms, 50),
        ("ready (/readyz), ms", ours.readyz_ms, 50),
    ]
    return _judged(rows)


def _judged(rows):
    return [(goal, value, limit, value <= limit) for goal, value, limit in rows]


def met_table(rows):
    """Of rows (goal, measured, limit, holds) with words in them."""
    lines = ["| goal | measured | | |", "|---|---:|---:|---|"]
    lines += [f"| {goal} | {value} | {limit} | {'met' if holds else 'not met'} |"
              for goal, value, limit, holds in rows]
    return "\n".join(lines)


def goals_table(scenario, results):
    lines = ["| goal | measured | at most | |", "|---|---:|---:|---|"]
    for goal, value, limit, holds in goals(scenario, results):
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


_OTHER_METHOD = """\
{title}: {load}, {what}, one worker each.

Cores, rounds, CPU and ratios are as in [load.md](load.md): {rounds} rounds of {seconds} s for each
in turn, in a new random order each time. {percentiles}The origin is `{origin}`.{absent}

weir runs with all its policies on and writes a JSON access log to a file{quiet}.
{inbound}Configurations: `bench/load/peers/`.
"""
_QUIET = "; the\nsecond line is the same without the log"
_INBOUND = """Where TLS ends it is an inbound listener with one application, so there is no other endpoint to
choose or to fail over to.
"""
_WHAT = {
    "h2-to-h1": "1 KiB answers",
    "h2-to-h2": "1 KiB answers",
    "grpc": "messages of 100 bytes both ways, trailers with `grpc-status`",
    "tls-h1": "1 KiB answers, keep-alive over TLS 1.3 (X25519, AES-128-GCM, a P-256 certificate) that"
    " ends at the proxy, plain text to the origin",
    "tls-h2": "1 KiB answers, TLS 1.3 (X25519, AES-128-GCM, a P-256 certificate) that ends at the"
    " proxy, plain text to the origin",
    "mesh": "1 KiB answers",
}
_IN_A_ROW = """ Of two in a row the first takes plain HTTP/1.1 and calls the
second over HTTP/2 with mutual TLS, as two endpoints; the second calls the origin in plain HTTP/1.1.
They share core 0, and their CPU is added up; one alone goes from HTTP/1.1 to HTTP/1.1 without TLS.
NGINX and H2O do not speak HTTP/2 to their upstreams."""
_ABSENT = {
    "h2-to-h2": " NGINX and H2O do not speak HTTP/2 to their upstreams.",
    "grpc": " H2O does not speak HTTP/2 to its upstreams.",
    "mesh": _IN_A_ROW,
}
_H2LOAD = "16 connections of 16 streams each by `h2load`"
_WRK = "64 connections by `wrk`"
_LOGGED = "The percentiles are of the requests' own times in the log\nof h2load. "


def _method(scenario, settings):
    if scenario.name == "h1":
        return _METHOD.format(**settings)
    by_wrk = scenario.client == "wrk"
    return _OTHER_METHOD.format(
        title=scenario.title, load=_WRK if by_wrk else _H2LOAD, what=_WHAT[scenario.name],
        percentiles="" if by_wrk else _LOGGED, origin=scenario.origin[0],
        absent=_ABSENT.get(scenario.name, ""), inbound=_INBOUND if scenario.tls else "",
        quiet=_QUIET if f"{SUBJECT}, no access log" in scenario.contenders else "", **settings)


_STREAMS_METHOD = """\
Each stream is a GET in flight with all that belongs to it: the exchange, its budget, the stream of
the caller and the one upstream. 125 of them share a connection of a caller, up to 1,000 a
connection to the origin, which never answers. All are seen in `weir_exchanges_in_flight`, and all
are gone when the callers have gone. Run alone: `bench/load/run --scenario streams`.
"""


def write_streams(points, after, directory):
    """What very many streams take, into `directory`; returns the paths."""
    idle, least, most = points[0], points[1], points[-1]
    slope = (most.resident - least.resident) / (most.streams - least.streams)
    lines = ["# Very many streams at once", "",
             f"Written by `bench/load/run` on {machine()}. Run it to write it again.", "",
             "| streams held | memory MiB | KiB per stream |", "|---:|---:|---:|"]
    for one in points:
        each = f"{(one.resident - idle.resident) / one.streams / KIB:.2f}" if one.streams else ""
        lines.append(f"| {one.streams:,} | {one.resident / MIB:.1f} | {each} |")
    lines += [f"| 0 again | {after.resident / MIB:.1f} | |", "",
              f"Between {least.streams:,} and {most.streams:,} streams the slope is {slope / KIB:.2f}"
              " KiB per stream, with its share of the connections on both sides.", "",
              _STREAMS_METHOD]
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "streams.md"
    path.write_text("\n".join(lines))
    return [path]


_BEGIN = "<!-- written by bench/load/run: begin -->\n"
_END = "<!-- written by bench/load/run: end -->\n"


def summarize(row, page):
    """Replaces the scenario's row in the table of `page`, between its two marks."""
    text = page.read_text()
    before, begin, rest = text.partition(_BEGIN)
    inside, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{page} has no place for the summary")
    rows = {line.split(" | ")[0]: line for line in inside.splitlines()[2:]}
    rows[row.split(" | ")[0]] = row
    head = ["| From and to | weir, us/request | best peer | weir / best peer, at most 0.80"
            " | the same without access log |", "|---|---:|---|---:|---:|"]
    page.write_text(before + begin + "\n".join([*head, *rows.values()]) + "\n" + end + after)


def summary_line(scenario, results):
    subject = subject_of(scenario)
    peers = peers_of(results, scenario)
    best = min(peers, key=lambda name: results[name].of("cpu_us"))
    measured = ratio(results, best, "cpu_us", subject)
    verdict = "met" if measured <= scenario.goal else "**not met**"
    if scenario.goal != 0.80:
        verdict = f"at most {scenario.goal:.2f}: {verdict}"
    quiet = f"{SUBJECT}, no access log"
    without = f"{ratio(results, best, 'cpu_us', quiet):.2f}" if quiet in results else ""
    return (f"| [{scenario.title}](bench/{page_of(scenario)}.md) | {results[subject].of('cpu_us'):.1f}"
            f" | {best}, {results[best].of('cpu_us'):.1f} us | {measured:.2f}"
            f" ({verdict}) | {without} |")


def page_of(scenario):
    return "load" if scenario.name == "h1" else scenario.name


def write(scenario, results, skipped, settings, directory):
    """Markdown and charts into `directory`; returns the paths."""
    page = page_of(scenario)
    directory.mkdir(parents=True, exist_ok=True)
    subject = subject_of(scenario) if subject_of(scenario) in results else next(iter(results))
    rows = sorted(results.items(), key=lambda item: item[1].of("cpu_us"))
    emphasised = subject_of(scenario)
    cpu = charts.bars(
        "CPU of the proxy per request", "microseconds",
        # The rest of the total, so that a bar is as long as the table says.
        [(name, (one.of("user_us"), one.of("cpu_us") - one.of("user_us")), name == emphasised)
         for name, one in rows],
        ("user", "system"))
    p99 = charts.bars(
        f"Latency at {'64 connections' if scenario.client == 'wrk' else '16 x 16 streams'}, 99th percentile",
        "milliseconds",
        [(name, (one.of("p99_ms"),), name == emphasised) for name, one in rows])
    title = "Side by side with other proxies"
    text = [f"# {title}" + ("" if page == "load" else f": {scenario.title}"), "",
            f"Written by `bench/load/run` on {machine()}. Run it to write it again.", "",
            table(results, subject), ""]
    if skipped:
        text += [f"Skipped, because not installed: {', '.join(skipped)}.", ""]
    text += [f"![CPU per request]({page}-cpu.svg)", "", f"![99th percentile]({page}-p99.svg)", ""]
    if emphasised in results:
        text += ["## Goals", "", goals_table(scenario, results), ""]
    text += ["## How it is measured", "", _method(scenario, settings)]
    files = {f"{page}.md": "\n".join(text), f"{page}-cpu.svg": cpu, f"{page}-p99.svg": p99}
    for name, content in files.items():
        (directory / name).write_text(content)
    return [directory / name for name in files]
