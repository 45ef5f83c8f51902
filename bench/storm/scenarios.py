"""What happens to the chain, and when. Times are seconds unless the name says milliseconds."""

from dataclasses import dataclass, field, replace

# The chain, from the users' side. Three instances of each.
TIERS = ("web", "shop", "orders", "stock", "ledger")
LEAF = TIERS[-1]
INSTANCES = 3


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    story: str
    before: float  # from the first request to the trigger
    during: float  # from the trigger to its end
    after: float
    rate: float = 100  # users per second, evenly spaced, whether or not earlier ones were answered
    user_timeout_ms: int = 2000
    hop_timeout_ms: int = 2000
    work_ms: int = 100  # of one leaf call; a worker is taken for as long
    workers: int = 5  # of one leaf instance: 150 calls per second together
    thinking: dict = field(default_factory=dict)  # tier to milliseconds before it calls on
    trigger: str = ""  # slow, hang, capacity, kill
    leaving: float = 0.0  # share of the users who hang up
    leaving_after_ms: int = 0
    quick: tuple = (1.0, 3.0, 2.0)  # before, during, after with --quick

    @property
    def seconds(self):
        return self.before + self.during + self.after


ALL = (
    Scenario("slow", "The leaf slows down",
             "A leaf call takes five times as long: 500 ms in place of 100, for 30 calls a second"
             " in place of 150.", 2, 6, 10, trigger="slow", quick=(1.0, 4.0, 4.0)),
    Scenario("hang", "One leaf instance of three hangs",
             "It is stopped (SIGSTOP): its connections stay open, nothing is answered. The other"
             " two can serve twice what is asked.",
             2, 8, 4, workers=10, trigger="hang", quick=(1.0, 2.5, 1.5)),
    Scenario("capacity", "The leaf loses 80 % of its capacity",
             "Four of the five workers of every leaf instance are gone for ten seconds and come"
             " back, for 30 calls a second in place of 150: the shape of figure 5 of"
             " “Metastable Failures in the Wild” (OSDI '22).",
             3, 10, 12, trigger="capacity", quick=(1.0, 4.0, 4.0)),
    Scenario("dawdle", "The middle dawdles, the leaf has a queue",
             "The example of the Google SRE book (“Deadline propagation”), four times as fast: A"
             " grants 2.5 s, B takes 2 s before it calls on with a time-out of 5 s, and C has a"
             " queue, because 60 users a second ask and it can serve 30. At most 50 % can succeed.",
             0, 10, 0, rate=60, user_timeout_ms=2500, hop_timeout_ms=5000, workers=1,
             thinking={"orders": 2000}, quick=(0.0, 5.0, 0.0)),
    Scenario("hangup", "Half of the users hang up early",
             "200 users a second, of whom every other one hangs up after 50 ms, while the second"
             " service thinks for 100 ms before it calls on. The leaf can serve 120 a second: all"
             " who stay, but not all who came.", 0, 8, 0, rate=200, workers=4,
             thinking={"shop": 100}, leaving=0.5, leaving_after_ms=50, quick=(0.0, 4.0, 0.0)),
    Scenario("dead", "One instance of three dies at every tier",
             "kill -9 of the first instance of each of the five services and of its sidecar, at the"
             " same moment, under load. The other two can serve twice what is asked.",
             2, 8, 0, workers=10, trigger="kill", quick=(1.0, 3.0, 0.0)),
)


def shortened(scenario):
    """For --quick."""
    before, during, after = scenario.quick
    return replace(scenario, before=before, during=during, after=after)
