"""Promise: breakers, bulkheads and fallbacks keep trouble where it is."""

import threading

from mesh import NO_EJECTION, MeshTest
from processes import wait_until
from wire import Client, request

FALLBACK = {"fallback": {"status": 200, "body": "[]"}}


class Breaker(MeshTest):
    def setUp(self):
        super().setUp()
        self.a = self.instance()
        self.policy = {**NO_EJECTION, "breaker": {"error_rate": "50%", "minimum": 10,
                                                  "window": "10s", "open_for": "300ms", "probes": 2}}

    def open(self, weir):
        self.a.mode("503")
        for _ in range(10):
            weir.request()
        self.assertEqual(weir.metric("weir_breaker_state", state="open"), 1)
        self.a.clear()

    def test_open_answers_at_once_and_tells_not_to_retry(self):
        self.policy["breaker"]["open_for"] = "60s"
        weir = self.weir([self.a], self.policy)
        self.open(weir)
        response = weir.request()
        self.assertEqual((response.status, response.header("weir-failover")), (503, "spent"))
        self.assertGreaterEqual(int(response.header("retry-after")), 1)
        self.assertIn("weir; error=", response.header("proxy-status"))
        self.assertEqual(self.a.calls(), [])

    def test_closes_again_through_probes(self):
        weir = self.weir([self.a], self.policy)
        self.open(weir)
        self.a.mode("ok")
        wait_until(lambda: weir.request().status == 200, what="a probe to go through")
        weir.request(), weir.request()
        self.assertEqual(weir.metric("weir_breaker_state", state="closed"), 1)

    def test_callers_short_budgets_do_not_open_it(self):
        weir = self.weir([self.a], self.policy)
        for _ in range(20):
            weir.request(target="/slow/5000", headers={"weir-budget-ms": "5"})
        self.assertEqual(weir.request().status, 200)

    def test_fallback_answers_while_it_is_open(self):
        weir = self.weir([self.a], self.policy, FALLBACK)
        self.open(weir)
        response = weir.request()
        self.assertEqual((response.status, response.text), (200, "[]"))
        self.assertGreater(weir.metric("weir_fallbacks_total"), 0)


class Bulkhead(MeshTest):
    def setUp(self):
        super().setUp()
        self.a = self.instance()

    def occupy(self, weir, count):
        """Requests in the background that hold their permits until the budget ends."""
        def ask():
            try:
                request(weir.port, target="/slow/20000", headers={"weir-budget-ms": "3000"})
            except OSError:
                pass

        threads = [threading.Thread(target=ask) for _ in range(count)]
        for thread in threads:
            thread.start()
            self.addCleanup(thread.join)
        wait_until(lambda: weir.metric("weir_bulkhead_in_use") == count, what="the permits to be taken")

    def test_full_with_a_full_queue_refuses_at_once(self):
        weir = self.weir([self.a], {"bulkhead": {"concurrent": 2, "queue": 1}})
        self.occupy(weir, 2)
        with Client(weir.port) as waiting:
            waiting.send("GET / HTTP/1.1\r\nHost: catalog\r\nweir-budget-ms: 20000\r\n\r\n")
            wait_until(lambda: weir.metric("weir_bulkhead_waiting") == 1, what="one to wait")
            response = weir.request(headers={"weir-budget-ms": "20000"})
            self.assertEqual(response.status, 503)
            # The one that waits is served as soon as a permit is free.
            self.assertEqual(waiting.read_response().status, 200)
        self.assertEqual(self.a.count(), 3)

    def test_queued_request_that_cannot_finish_is_dropped(self):
        weir = self.weir([self.a], {"bulkhead": {"concurrent": 1, "queue": 10}})
        self.occupy(weir, 1)
        response = weir.request(headers={"weir-budget-ms": "50"})
        self.assertIn(response.status, (503, 504))
        self.assertEqual(self.a.count(), 1)


class Fallbacks(MeshTest):
    def test_static_answer_for_a_failed_call(self):
        a = self.instance()
        weir = self.weir([a], route=FALLBACK)
        a.mode("503")
        response = weir.request()
        self.assertEqual((response.status, response.text), (200, "[]"))

    def test_good_answers_are_left_alone(self):
        self.assertEqual(self.weir([self.instance()], route=FALLBACK).request().text, "a")

    def test_another_upstream_steps_in(self):
        a, spare = self.instances(2)
        weir = self.weir([a], route={"fallback": {"upstream": "spare"}},
                         upstreams={"spare": {"endpoints": [{"address": spare.address}]}})
        a.mode("refuse")
        self.assertEqual(weir.request().text, "b")
