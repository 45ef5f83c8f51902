"""Promise: one sick instance of three costs the callers nothing, and loses its traffic at once."""

import signal

from mesh import NO_BREAKER, Instance, MeshTest
from processes import wait_until

BUDGET_MS = 1000
RATE = 400  # requests per second of all callers together


class SickInstance(MeshTest):
    """Each test makes one of three instances sick under load and heals it again."""

    def play(self, sicken, heal, saved=True):
        everyone = self.instances(3)
        self.sick = everyone[0]
        weir = self.proxy = self.weir(everyone, route={"budget": f"{BUDGET_MS}ms"})
        load = self.load(weir.port, connections=12, rate=RATE)
        wait_until(lambda: len(self.answers(load)) > RATE, 10, "a second of traffic")

        sicken()
        self.wait_for_small_share(load)
        heal()
        healed = len(self.answers(load))
        # Every failed probe doubled its time out: what was sick for long comes back late.
        wait_until(lambda: self.share(load, healed) > 0.1, 40, "its traffic to come back")

        answers = load.stop()
        lost = [one for one in answers if one.status != 200]
        if saved:
            self.assertEqual(lost, [])
        # What came back is inside the budget; the rest is the test machine's own slowness.
        self.assertLess(max(one.elapsed_ms for one in answers), BUDGET_MS + 500)
        return lost, answers

    def answers(self, load):
        return load.so_far()

    def attempts_on_sick(self):
        """As the access log saw them, also those that never reached the instance."""
        address = f'"endpoint":"{self.sick.address}"'
        return sum(line.count(address) for line in self.proxy.log())

    def share(self, load, since):
        """The part of the last second's answers that the sick instance gave; the first `since`
        answers do not count."""
        answers = self.answers(load)[since:][-RATE:]
        if len(answers) < RATE / 2:
            return 0.0
        return sum(one.instance == self.sick.name for one in answers) / len(answers)

    def wait_for_small_share(self, load):
        """A third would be its fair share; a few probes are all that it may get."""

        def next_second_is_small():
            before = len(self.answers(load))
            calls = self.attempts_on_sick()
            wait_until(lambda: len(self.answers(load)) - before >= RATE, 10, "a second of traffic")
            return self.attempts_on_sick() - calls < 0.05 * RATE

        wait_until(next_second_is_small, 5, "the sick instance to lose its traffic")

    def test_answering_503_in_a_millisecond(self):
        self.play(lambda: self.sick.mode("503"), lambda: self.sick.mode("ok"))

    def test_hung(self):
        self.play(lambda: self.sick.mode("hang"), lambda: self.sick.mode("ok"))

    def test_refusing(self):
        self.play(lambda: self.sick.mode("refuse"), lambda: self.sick.mode("ok"))

    def test_resetting_before_the_answer(self):
        self.play(lambda: self.sick.mode("reset-early"), lambda: self.sick.mode("ok"))

    def test_resetting_in_the_middle_of_the_answer(self):
        """What has begun to arrive cannot be saved; ejection bounds how much that is."""
        lost, answers = self.play(lambda: self.sick.mode("reset"), lambda: self.sick.mode("ok"),
                                     saved=False)
        self.assertLess(len(lost), 30)
        self.assertTrue(all(one.status == 0 for one in lost), "a cut answer was passed off as whole")

    def test_killed_and_started_again(self):
        def kill():
            self.sick.process.signal(signal.SIGKILL)
            self.sick.process.wait()

        def start_again():
            self.sick = self._keep(Instance(self.sick.name, self.sick.port))

        self.play(kill, start_again)

    def test_stopped_by_a_signal(self):
        """SIGSTOP: the kernel still accepts connections, nobody answers."""
        everyone = self.instances(3)
        self.sick = everyone[0]
        weir = self.proxy = self.weir(everyone, route={"budget": f"{BUDGET_MS}ms"})
        load = self.load(weir.port, connections=12, rate=RATE)
        wait_until(lambda: len(load.so_far()) > RATE, 10, "a second of traffic")
        self.sick.process.signal(signal.SIGSTOP)
        try:
            self.wait_for_small_share(load)
        finally:
            self.sick.process.signal(signal.SIGCONT)
        self.assertEqual([one for one in load.stop() if one.status != 200], [])

    def test_last_instance_is_never_taken_out(self):
        self.sick = self.instance()
        weir = self.weir([self.sick], NO_BREAKER)
        self.sick.mode("503")
        for _ in range(50):
            weir.request()
        self.sick.mode("ok")
        self.assertEqual(weir.request().status, 200)
