"""From what users and leaves saw to the numbers of the report."""

import math
from collections import Counter, defaultdict

_BUCKET = 0.5  # of the timeline, seconds
_GOOD = 0.99  # of the requests of a second: recovered


def percentile(values, share):
    """Nearest rank; None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def share(part, whole):
    return part / whole if whole else 0.0


def success(users):
    return share(sum(user.answered for user in users), len(users))


def timeline(users, scenario):
    """[seconds after the trigger's begin, share answered of those who came in that half second]"""
    buckets = defaultdict(list)
    for user in users:
        buckets[int(user.due / _BUCKET)].append(user)
    return [[round(number * _BUCKET - scenario.before, 3), round(success(some), 4)]
            for number, some in sorted(buckets.items())]


def recovery(users, scenario):
    """Seconds from the trigger's end until every second has at least 99 % success, to a tenth;
    None when that was not seen."""
    end = scenario.before + scenario.during
    if not scenario.after:
        return None
    steps = round((scenario.after - 1) * 10)
    recovered = None
    for step in range(steps, -1, -1):
        begin = end + step / 10
        second = [user for user in users if begin <= user.due < begin + 1]
        if success(second) < _GOOD:
            break
        recovered = step / 10
    return recovered


def leaf_work(users, calls, start, timeout):
    """Calls per user and what became of their work. `timeout` is the user's patience in seconds.

    Read is, of every user who was answered, one call whose answer the leaf could deliver; the rest
    of the work was for nobody. The leaf itself sees less: only that a connection was closed, or
    (with the user's deadline, which it does not know) that the answer came too late.
    """
    by_number = {user.number: user for user in users}
    per_user = Counter(user for user, *_ in calls)
    work, read, seen = 0.0, defaultdict(float), 0.0
    for number, seconds, ended, outcome in calls:
        user = by_number[number]
        work += seconds
        late = ended - start > (user.ended if user.leaves else user.asked + timeout)
        if outcome == "g" or (outcome == "a" and late):
            seen += seconds
        elif outcome == "a" and user.answered:
            read[number] = max(read[number], seconds)
    return {
        "calls": len(calls),
        "calls_mean": len(calls) / len(users),
        "calls_max": max(per_user.values(), default=0),
        "calls_for_leavers": share(sum(per_user[user.number] for user in users if user.leaves),
                                   sum(user.leaves for user in users)),
        "leaf_seconds": work,
        "unread_seconds": work - sum(read.values()),
        "unread_share": share(work - sum(read.values()), work),
        "unread_share_seen_by_leaf": share(seen, work),
        "outcomes": dict(Counter(outcome for *_, outcome in calls)),
    }


def numbers(users, calls, start, scenario, tries):
    staying = [user for user in users if not user.leaves]
    latencies = [user.seconds * 1000 for user in staying if user.answered]
    begin, end = scenario.before, scenario.before + scenario.during
    return {
        "users": len(users),
        "success": success(staying),
        "success_during": success([user for user in staying if begin <= user.due < end]),
        "success_after": success([user for user in staying if user.due >= end])
        if scenario.after else None,
        "failures": dict(Counter(str(user.status) for user in staying if not user.answered)),
        "p50_ms": percentile(latencies, 0.5),
        "p99_ms": percentile(latencies, 0.99),
        "recovery_seconds": recovery(staying, scenario),
        "late_by_p99_ms": percentile([(user.asked - user.due) * 1000 for user in users], 0.99),
        "timeline": timeline(staying, scenario),
        **leaf_work(users, calls, start, scenario.user_timeout_ms / 1000 * tries),
    }
