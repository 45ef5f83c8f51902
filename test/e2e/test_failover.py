"""Promise: a failure is tried once more, elsewhere, or not at all."""

from mesh import (EVERY_FAILOVER, FAILOVER_ALONE, IN_TURN, NO_BREAKER, NO_EJECTION, MeshTest,
                  calls_by_id)
from wire import Client

REQUESTS = 12  # enough for round robin to reach every instance several times


class OneFailover(MeshTest):
    """Two or three instances, one of them sick, asked in turn."""

    def setUp(self):
        super().setUp()
        self.a, self.b = self.instances(2)

    def ask(self, weir, method="GET", headers=None, target="/", body=None):
        """Many requests with ids of their own; their statuses."""
        statuses = []
        for number in range(REQUESTS):
            fields = {"x-request-id": f"q{number}", **(headers or {})}
            statuses.append(weir.request(method, target, fields, body).status)
        return statuses

    def test_get_is_saved_whatever_the_instance_does(self):
        weir = self.weir([self.a, self.b], FAILOVER_ALONE, {"budget": "2s"})
        for mode in ("503", "reset-early", "refuse", "hang"):
            with self.subTest(mode):
                self.a.mode(mode)
                self.assertEqual(self.ask(weir), [200] * REQUESTS)
                self.a.mode("ok")
        self.assertLessEqual(max(calls_by_id([self.b]).values()), 4)  # once per mode

    def test_second_attempt_goes_elsewhere_and_says_so(self):
        weir = self.weir([self.a, self.b], FAILOVER_ALONE)
        self.a.mode("503")
        self.ask(weir)
        failed = {call["fields"]["x-request-id"] for call in self.a.calls()}
        self.assertTrue(failed)
        for call in self.b.calls():
            expected = "2" if call["fields"]["x-request-id"] in failed else None
            self.assertEqual(call["fields"].get("weir-attempt"), expected)
        self.assertEqual(max(calls_by_id([self.a]).values()), 1)
        weir.expect_metric(len(failed), "weir_failovers_total")

    def test_never_more_than_two_calls(self):
        everyone = [self.a, self.b, self.instance("c")]
        for one in everyone:
            one.mode("503")
        weir = self.weir(everyone, FAILOVER_ALONE)
        self.assertEqual(self.ask(weir), [503] * REQUESTS)
        self.assertEqual(set(calls_by_id(everyone).values()), {2})

    def test_never_more_than_two_calls_through_two_hops(self):
        everyone = [self.a, self.b]
        for one in everyone:
            one.mode("503")
        far = [self.weir(everyone, FAILOVER_ALONE) for _ in range(2)]
        near = self.weir([f"127.0.0.1:{one.port}" for one in far], FAILOVER_ALONE)
        self.ask(near)
        self.assertEqual(set(calls_by_id(everyone).values()), {2})

    def test_post_is_never_sent_twice(self):
        weir = self.weir([self.a, self.b], FAILOVER_ALONE)
        for mode in ("503", "reset-early"):
            self.a.clear(), self.b.clear()
            self.a.mode(mode)
            self.ask(weir, "POST", body=b"pay")
            with self.subTest(mode):
                self.assertEqual(set(calls_by_id([self.a, self.b]).values()), {1})
        self.assertGreater(weir.metric("weir_failover_refused_total", reason="not_idempotent"), 0)

    def test_post_that_reached_nobody_is_saved_with_its_body(self):
        weir = self.weir([self.a, self.b], FAILOVER_ALONE)
        self.a.mode("refuse")
        self.assertEqual(self.ask(weir, "POST", body=b"pay"), [200] * REQUESTS)
        self.assertEqual({call["body_size"] for call in self.b.calls()}, {3})

    def test_idempotency_key_makes_a_post_safe(self):
        weir = self.weir([self.a, self.b], FAILOVER_ALONE)
        self.a.mode("503")
        self.assertEqual(self.ask(weir, "POST", {"Idempotency-Key": "k"}, "/echo", b"pay"),
                         [200] * REQUESTS)
        self.assertEqual({call["body_size"] for call in self.b.calls()}, {3})

    def test_put_is_replayed_exactly_within_the_limit_and_not_beyond(self):
        policy = {**FAILOVER_ALONE, "failover": {**EVERY_FAILOVER["failover"], "replay_limit": "16KiB"}}
        weir = self.weir([self.a, self.b], policy)
        self.a.mode("503")
        self.assertEqual(self.ask(weir, "PUT", body=b"r" * 16_000), [200] * REQUESTS)
        self.assertIn(503, self.ask(weir, "PUT", body=b"r" * 100_000))
        self.assertGreater(weir.metric("weir_failover_refused_total", reason="not_replayable"), 0)

    def test_marked_requests_are_not_retried(self):
        weir = self.weir([self.a, self.b], FAILOVER_ALONE)
        self.a.mode("503"), self.b.mode("503")
        for mark in ({"weir-attempt": "2"}, {"x-envoy-attempt-count": "2"},
                     {"grpc-previous-rpc-attempts": "1"}):
            with self.subTest(str(mark)):
                self.a.clear(), self.b.clear()
                self.ask(weir, headers=mark)
                self.assertEqual(set(calls_by_id([self.a, self.b]).values()), {1})
        weir.expect_metric(3 * REQUESTS, "weir_failover_refused_total", reason="retry_mark")

    def test_failover_spent_below_is_not_repeated_and_told_on(self):
        weir = self.weir([self.a, self.b], FAILOVER_ALONE)
        response = weir.request(target="/spent")
        self.assertEqual((response.status, response.header("weir-failover")), (503, "spent"))
        self.assertEqual(self.a.count() + self.b.count(), 1)

    def test_one_instance_has_no_alternative(self):
        weir = self.weir([self.a], FAILOVER_ALONE)
        self.a.mode("503")
        self.assertEqual(self.ask(weir), [503] * REQUESTS)
        self.assertEqual(self.a.count(), REQUESTS)
        weir.expect_metric(REQUESTS, "weir_failover_refused_total", reason="no_alternative")

    def test_tokens_bound_the_second_attempts(self):
        policy = {**NO_EJECTION, **NO_BREAKER, **IN_TURN,
                  "failover": {"ratio": "10%", "minimum_per_second": 1}}
        weir = self.weir([self.a, self.b], policy)
        self.a.mode("503"), self.b.mode("503")
        with Client(weir.port) as client:
            for _ in range(300):
                client.request()
        # A tenth, and what the floor of one per second may add on a slow machine.
        self.assertLessEqual(self.a.count() + self.b.count(), 300 + 30 + 20)
        self.assertGreater(weir.metric("weir_failover_refused_total", reason="no_tokens"), 200)

    def test_policy_chooses_what_is_retried(self):
        policy = {**FAILOVER_ALONE, "failover": {**EVERY_FAILOVER["failover"], "on": ["connect_failure"]}}
        weir = self.weir([self.a, self.b], policy)
        self.a.mode("503")
        self.assertIn(503, self.ask(weir))
        self.a.mode("refuse")
        self.assertEqual(self.ask(weir), [200] * REQUESTS)

    def test_kept_connection_that_has_died_blames_nobody(self):
        policy = {**NO_BREAKER, "ejection": {"consecutive_failures": 1, "base": "60s"}}
        weir = self.weir([self.a, self.b], policy)
        self.a.mode("close"), self.b.mode("close")
        self.assertEqual(self.ask(weir) + self.ask(weir), [200] * 2 * REQUESTS)
        self.assertEqual(weir.metric("weir_endpoint_ejections_total"), 0)

    def test_hung_instance_leaves_time_for_the_second_attempt(self):
        weir = self.weir([self.a, self.b], FAILOVER_ALONE, {"budget": "600ms"})
        self.a.mode("hang")
        self.assertEqual(self.ask(weir), [200] * REQUESTS)
