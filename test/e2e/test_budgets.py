"""Promise: no call lives longer than the time its caller still has."""

import time

from mesh import MeshTest
from processes import wait_until
from wire import Client

GRPC = {"content-type": "application/grpc", "te": "trailers"}


def milliseconds(grpc_timeout):
    """The value of a grpc-timeout field."""
    units = {"H": 3.6e6, "M": 6e4, "S": 1e3, "m": 1, "u": 1e-3, "n": 1e-6}
    return int(grpc_timeout[:-1]) * units[grpc_timeout[-1]]


class Budgets(MeshTest):
    def setUp(self):
        super().setUp()
        self.a = self.instance()

    def granted(self, weir, headers=None):
        """What the instance was granted in milliseconds when the caller sent those headers."""
        self.a.clear()
        self.assertEqual(weir.request(headers=headers).status, 200)
        return int(self.a.calls()[0]["fields"]["weir-budget-ms"])

    def test_smallest_of_all_grants_goes_on_and_never_grows(self):
        weir = self.weir([self.a], route={"budget": "300ms"},
                         outbound={"budget": {"default": "5s", "maximum": "10s"}})
        for headers, most in [
            (None, 300),
            ({"weir-budget-ms": "200"}, 200),
            ({"weir-budget-ms": "60000"}, 300),
            ({"x-envoy-expected-rq-timeout-ms": "150"}, 150),
            ({"grpc-timeout": "100m"}, 100),
            ({"weir-budget-ms": "250", "x-envoy-expected-rq-timeout-ms": "120"}, 120),
        ]:
            with self.subTest(str(headers)):
                left = self.granted(weir, headers)
                self.assertLessEqual(left, most)
                self.assertGreater(left, 0)

    def test_listener_has_a_default_and_a_maximum(self):
        weir = self.weir([self.a], outbound={"budget": {"default": "700ms", "maximum": "900ms"}})
        self.assertLessEqual(self.granted(weir), 700)
        self.assertLessEqual(self.granted(weir, {"weir-budget-ms": "5000"}), 900)

    def test_expired_request_is_answered_at_once_and_goes_nowhere(self):
        weir = self.weir([self.a])
        for headers in ({"weir-budget-ms": "0"}, {"x-envoy-expected-rq-timeout-ms": "0"},
                        {"grpc-timeout": "0m"}, {"weir-budget-ms": "0", "grpc-timeout": "1S"}):
            with self.subTest(str(headers)):
                response = weir.request(headers=headers)
                self.assertEqual(response.status, 504)
                self.assertIn("weir; error=", response.header("proxy-status"))
        self.assertEqual(self.a.calls(), [])
        weir.expect_metric(4, "weir_expired_requests_total")

    def test_expired_grpc_call_gets_a_grpc_status(self):
        response = self.weir([self.a]).request("POST", headers={**GRPC, "grpc-timeout": "0m"}, body=b"")
        self.assertEqual((response.status, response.header("grpc-status")), (200, "4"))
        self.assertEqual(self.a.calls(), [])

    def test_malformed_grant_is_ignored_and_counted(self):
        weir = self.weir([self.a], route={"budget": "300ms"})
        for number, grant in enumerate(("soon", "1.5", "", "99999999999999999999999"), 1):
            with self.subTest(grant):
                self.assertLessEqual(self.granted(weir, {"weir-budget-ms": grant}), 300)
                weir.expect_metric(number, "weir_malformed_grants_total")

    def test_grpc_timeout_is_rewritten_in_its_own_units(self):
        self.weir([self.a]).request(headers={"grpc-timeout": "2S"})
        seen = self.a.calls()[0]["fields"]["grpc-timeout"]
        self.assertRegex(seen, r"^\d{1,8}[HMSmun]$")
        self.assertLessEqual(milliseconds(seen), 2000)

    def test_no_other_dialect_is_added(self):
        self.granted(self.weir([self.a]), {"weir-budget-ms": "500"})
        seen = self.a.calls()[0]["fields"]
        self.assertNotIn("grpc-timeout", seen)
        self.assertNotIn("x-envoy-expected-rq-timeout-ms", seen)

    def test_budget_ends_a_call_and_stops_the_work_below(self):
        weir = self.weir([self.a])
        response = weir.request(target="/slow/20000", headers={"weir-budget-ms": "100"})
        self.assertEqual(response.status, 504)
        self.assertIn("timeout", response.header("proxy-status"))
        wait_until(lambda: self.a.calls()[0].get("answered") is False, what="the call to be cancelled")

    def test_clock_starts_at_the_first_byte(self):
        weir = self.weir([self.a])
        with Client(weir.port) as client:
            start = time.monotonic()
            client.send("GET / HTTP/1.1\r\nHost: catalog\r\n")
            wait_until(lambda: time.monotonic() - start > 0.3)
            client.send("weir-budget-ms: 2000\r\n\r\n")
            self.assertEqual(client.read_response().status, 200)
        # The 300 ms that the head took are gone from the grant.
        self.assertLessEqual(int(self.a.calls()[0]["fields"]["weir-budget-ms"]), 1710)

    def test_slow_head_uses_the_budget_up(self):
        weir = self.weir([self.a])
        with Client(weir.port) as client:
            start = time.monotonic()
            client.send("GET / HTTP/1.1\r\nHost: catalog\r\n")
            wait_until(lambda: time.monotonic() - start > 0.15)
            client.send("weir-budget-ms: 100\r\n\r\n")
            self.assertEqual(client.read_response().status, 504)
        self.assertEqual(self.a.calls(), [])

    def test_slow_upload_uses_the_budget_up(self):
        weir = self.weir([self.a])
        with Client(weir.port) as client:
            client.send("PUT / HTTP/1.1\r\nHost: catalog\r\nContent-Length: 10\r\n"
                        "weir-budget-ms: 150\r\n\r\nabc")
            self.assertEqual(client.read_response().status, 504)

    def test_inbound_keeps_the_promise_for_the_application(self):
        weir = self.weir([self.a], inbound={"application": self.a.address,
                                            "budget": {"default": "500ms", "maximum": "1s"}})
        for headers, status in [({"weir-budget-ms": "0"}, 504), (None, 200)]:
            with Client(weir.inbound_port) as client:
                self.assertEqual(client.request(headers=headers).status, status)
        self.assertEqual(len(self.a.calls()), 1)
        self.assertLessEqual(int(self.a.calls()[0]["fields"]["weir-budget-ms"]), 500)

    def test_budget_shrinks_over_two_hops(self):
        far = self.weir([self.a])
        near = self.weir([f"127.0.0.1:{far.port}"])
        near.request(headers={"weir-budget-ms": "400"})
        self.assertLessEqual(int(self.a.calls()[0]["fields"]["weir-budget-ms"]), 400)
        self.assertEqual(near.request(target="/slow/20000",
                                      headers={"weir-budget-ms": "400"}).status, 504)
        self.assertEqual(len(self.a.calls()), 2)
