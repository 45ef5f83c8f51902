"""What was measured, as tables, pictures and raw data. No number here is written by hand."""

import json
import os
import platform
import re
import time

import plots
import scenarios

_SATURATED = 0.9  # of all cores, in the mean over a run


class Results:
    """{scenario: {system: numbers}}, kept from run to run so that pieces can be measured apart."""

    def __init__(self, saved=None):
        saved = saved or {"systems": {}, "scenarios": {}}
        self.systems = saved["systems"]
        self.scenarios = saved["scenarios"]

    def add(self, scenario, system, numbers, options):
        entry = self.scenarios.setdefault(scenario.name, {})
        entry[system] = numbers | {
            "measured": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
            "before": scenario.before, "during": scenario.during, "after": scenario.after,
            "rate": scenario.rate, "quick": options.quick, "caller": options.caller,
            "copies": options.copies, "user_tries": options.user_tries}

    def rows(self):
        """(scenario, {system: numbers}) in the order of the scenarios."""
        order = list(self.systems)
        for scenario in scenarios.ALL:
            measured = self.scenarios.get(scenario.name, {})
            if measured:
                yield scenario, {name: measured[name] for name in order if name in measured}

    def as_json(self):
        data = {"machine": machine(), "systems": self.systems, "scenarios": self.scenarios}
        text = json.dumps(data, indent=1, ensure_ascii=False)
        return _one_line_lists(text) + "\n"


def _one_line_lists(text):
    """Pairs of the timelines on one line each, so that the file can be read."""
    return re.sub(r"\[\s+(-?[\d.]+),\s+(-?[\d.]+)\s+\]", r"[\1, \2]", text)


def goals(results):
    """(goal, measured, limit, holds) for each number that the project promises."""
    ours = {scenario.name: one["weir"] for scenario, one in results.rows() if "weir" in one}
    rows = []
    for scenario in scenarios.ALL:
        name = scenario.name
        if name not in ours:
            continue
        one = ours[name]
        rows.append((f"{scenario.title}: leaf calls per request, mean", one["calls_mean"], 1.1))
        rows.append((f"{scenario.title}: leaf calls for one request, most", one["calls_max"], 2))
        if name != "dead":
            rows.append((f"{scenario.title}: unread leaf work, %", 100 * one["unread_share"], 1))
        if scenario.after and name != "hang":
            recovered = one["recovery_seconds"]
            rows.append((f"{scenario.title}: seconds to recover",
                         float("inf") if recovered is None else recovered, 1))
    found = [(goal, value, limit, value <= limit) for goal, value, limit in rows]
    if "dead" in ours:
        lost = 100 * (1 - ours["dead"]["success"])
        found.append(("One instance of three dead at every tier: users not answered, %", lost, 0.1,
                      lost <= 0.1 + 1e-9))
    return found


def goals_table(found):
    lines = ["| goal | measured | at most | |", "|---|---:|---:|---|"]
    for goal, value, limit, holds in found:
        word = f"{value:.2f}" if value < float("inf") else "not seen"
        lines.append(f"| {goal} | {word} | {limit} | {'met' if holds else '**not met**'} |")
    return "\n".join(lines)


def table(scenario, measured, systems):
    trigger = scenario.trigger in ("slow", "hang", "capacity")
    head = ["", "users answered", *(["during", "after", "recovered after"] if trigger else []),
            "p50 ms", "p99 ms", "leaf calls per user", "most for one", "refused", "leaf seconds",
            "unread", "CPU", "machine busy"]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for name, one in measured.items():
        cells = [systems[name]["title"], f"{one['success']:.1%}"]
        if scenario.trigger == "kill":
            cells[1] = f"{one['success']:.2%}"
        if trigger:
            recovered = one["recovery_seconds"]
            cells += [f"{one['success_during']:.1%}", f"{one['success_after']:.1%}",
                      f"not within {one['after']:.0f} s" if recovered is None
                      else f"{recovered:.1f} s"]
        cells += [_ms(one["p50_ms"]), _ms(one["p99_ms"]), f"{one['calls_mean']:.2f}",
                  f"{one['calls_max']}", f"{_refused(one):.0%}",
                  f"{one['leaf_seconds']:.1f}", f"{one['unread_share']:.1%}",
                  f"{_own(one):.2f}",
                  f"{one['cpu']['machine_mean']:.0%}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _refused(one):
    return one["outcomes"].get("r", 0) / max(one["calls"], 1)


def _ms(value):
    return "-" if value is None else f"{value:,.0f}"


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release()}"


_TOP = """\
# Storms

Five small services in a chain, `web`, `shop`, `orders`, `stock` and `ledger`, three instances of
each; every instance is a process with a sidecar of its own, and a proxy at the edge takes the
users. Written by `bench/storm/run` on {machine}; run it to write it again. Raw numbers:
[storm.json](storm.json). {versions}

![Users who got their answer](storm-success.svg)

![What reached the leaf](storm-waste.svg)
"""

_METHOD = """\
## How it is measured

**Users** come at a fixed rate, evenly spaced, whether or not those before them were answered.
Each asks once over a connection of its own and waits 2 s (2.5 s where the middle dawdles).
*Answered* is a 200 that was read whole in that time; latencies are those of answered users.
*During* and *after* count the users who came then. *Recovered after* is the time from the
trigger's end until in every second at least 99 % of those who come are answered.

**Services** (`bench/storm/service.cpp`) are ordinary applications: a pool of workers (200; at the
leaf 1 to 10, which is the capacity told above) with a queue of 500 before it; a worker is taken
until the answer is there. A leaf call takes 100 ms, and 100 users come per second, where nothing
else is said. Work is waiting and not computing, so that the pool is the limit and not the
machine. They copy `traceparent` (with a span of their own) and `tracestate`, and nothing else;
answer 503 when the next service failed them; and do not notice when their caller closes the
connection. `--caller noticed` measures those that do, `--copies` others than these fields.

**Leaf calls** are all requests that reached an instance of the leaf, also those *refused* at once
because its queue was full. *Leaf seconds* are the time for which its workers were taken. *Unread*
are those seconds less one delivered call for each answered user: work for which nobody was there
any more, or which was done twice. (What the leaf itself could know, connections closed and users'
deadlines passed, is `unread_share_seen_by_leaf` in the raw numbers.) A killed instance's calls
count; what it had begun when it died does not. (What a leaf had begun for a service that is
killed is always lost: it has no goal there.)

**Sidecars.** Calls leave through the caller's sidecar, which balances and retries, and arrive
through the callee's.

- **weir**: `bench/storm/weir_*.yaml`; defaults, except the time-outs and the application's number
  of workers as the bulkhead of `inbound`. The edge grants what users wait.
- **HAProxy** (`peers/haproxy_*.cfg`): time-outs of 2 s; `retries 2` with `retry-on
  all-retryable-errors`, as one finds in guides to service meshes, and kinder than often seen:
  every retry goes to another server (`option redispatch 1`), health is checked every second
  through to the application, and inbound nothing but connecting is tried again.
- **NGINX** (`peers/nginx_*.conf`): time-outs of 2 s, `proxy_next_upstream error timeout http_502
  http_503 http_504` with three tries; health is its default, one failure takes a server out for
  ten seconds. It does close its call when its caller has gone.
- **no proxy**: the services' clients have a time-out of 2 s and try three times at once, on the
  next instance each time; a sixth service does at the edge what the others' proxy does.

Where the middle dawdles all of these time-outs are 5 s. Behind a proxy the application leaves
time-outs and retries to it. `--only haproxy-tuned` measures HAProxy as somebody would write it
after the outage: one retry where nothing was sent, `maxconn` and a queue before the application,
`option abortonclose`.

*CPU* is what services, sidecars and users together took, in cores (of those that are still alive
at the end); *machine busy* is the mean over all cores, by whomever: the machine is shared with
other work.{saturated}
"""


def _own(one):
    return sum(one["cpu"][who] for who in ("services", "sidecars", "users"))


def _saturation(results):
    """Whether the machine had a part in the results, and whose work it was."""
    runs = [(f"{scenario.name} with {name}", one) for scenario, measured in results.rows()
            for name, one in measured.items()]
    own = [run for run, one in runs if _own(one) > _SATURATED * os.cpu_count()]
    busy = [run for run, one in runs if one["cpu"]["machine_mean"] > _SATURATED and run not in own]
    late = max(one["late_by_p99_ms"] for _, one in runs)
    words = [f"Of the users 99 % came at most {late:.0f} ms late in every run."]
    if busy:
        words.append(f"In {len(busy)} of {len(runs)} runs the machine was busy above"
                     f" {_SATURATED:.0%}, mostly with other work.")
    most = max(_own(one) for _, one in runs)
    words.append(f"**The storm itself took the whole machine: {', '.join(own)}.**" if own else
                 f"Services, sidecars and users took at most {most:.1f} of {os.cpu_count()} cores.")
    return " ".join(["", *words])


def _conditions(measured):
    """What is not as the method says."""
    odd = []
    for name, one in measured.items():
        if one["quick"]:
            odd.append(f"{name}: shortened (`--quick`), and at the same time as other systems")
        if one["caller"] != "ignored":
            odd.append(f"{name}: applications notice that their caller has gone")
        if one["copies"] != "traceparent,tracestate":
            odd.append(f"{name}: applications copy {one['copies']}")
        if one["user_tries"] > 1:
            odd.append(f"{name}: users ask up to {one['user_tries']} times")
    return "Not as described below: " + "; ".join(odd) + "." if odd else ""


def text(results):
    versions = ", ".join(f"{one['title']} {one['version']}".strip()
                         for one in results.systems.values())
    parts = [_TOP.format(machine=machine(), versions=f"Measured: {versions}.")]
    found = goals(results)
    if found:
        missed = [one for one in found if not one[3]]
        parts += ["## Goals", "", f"{len(found) - len(missed)} of {len(found)} are met.", "",
                  goals_table(found), ""]
    for scenario, measured in results.rows():
        parts += [f"## {scenario.title}", "", scenario.story, "",
                  table(scenario, measured, results.systems), ""]
        if conditions := _conditions(measured):
            parts += [conditions, ""]
    parts.append(_METHOD.format(saturated=_saturation(results)))
    return "\n".join(parts)


def pictures(results):
    titles = {name: one["title"] for name, one in results.systems.items()}
    panels, rows = [], []
    for scenario, measured in results.rows():
        trigger = 0.0
        if scenario.trigger in ("slow", "hang", "capacity"):
            trigger = next(iter(measured.values()))["during"]
        panels.append((scenario.title, trigger,
                       {name: one["timeline"] for name, one in measured.items()}))
        rows.append((scenario.title, {
            name: (one["calls_mean"], one["calls_max"], one["unread_share"])
            for name, one in measured.items()}))
    return {"storm-success.svg": plots.success_over_time(panels, titles),
            "storm-waste.svg": plots.waste(rows, titles)}


def write(results, directory):
    """Returns the paths of what was written."""
    directory.mkdir(parents=True, exist_ok=True)
    files = {"storm.md": text(results), "storm.json": results.as_json(), **pictures(results)}
    for name, content in files.items():
        (directory / name).write_text(content)
    return [directory / name for name in files]
