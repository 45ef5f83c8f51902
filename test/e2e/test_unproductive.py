"""Promise: nobody works for a caller that has gone, and what was sunk is counted in seconds."""

import json

from mesh import MeshTest
from processes import wait_until
from wire import Client, request

SLOW = "/slow/20000"


class Unproductive(MeshTest):
    """One weir; the test is the user, and the application that calls on."""

    def setUp(self):
        super().setUp()
        self.application, self.catalog = self.instances(2)
        self.proxy = self.weir([self.catalog], inbound={"application": self.application.address})

    def leave(self, method):
        """A user of the application leaves; the answer of the call that was made for him."""
        fields = {"x-request-id": "q1"}
        with Client(self.proxy.inbound_port) as user, Client(self.proxy.port) as call:
            user.send(f"GET {SLOW} HTTP/1.1\r\nHost: orders\r\nx-request-id: q1\r\n\r\n")
            wait_until(self.application.calls, what="the user's request")
            call.send(f"{method} {'/slow/1000' if method == 'POST' else SLOW} HTTP/1.1\r\n"
                      "Host: catalog\r\nx-request-id: q1\r\nContent-Length: 0\r\n\r\n")
            wait_until(self.catalog.calls, what="the call")
            user.reset()
            answer = call.read_response(method)
        self.refused = request(self.proxy.port, headers=fields).status
        self.proxy.expect_metric(2, "weir_causes_total", upstream="catalog", source="request_id")
        self.records = [json.loads(line) for line in self.proxy.log(3)]
        return answer.status

    def record(self, **facts):
        found = [record for record in self.records
                 if all(record.get(key) == value for key, value in facts.items())]
        self.assertEqual(len(found), 1, self.records)
        return found[0]

    def expect_seconds(self, record, **labels):
        seconds = self.proxy.metric("weir_unproductive_seconds_total", reason="caller_gone",
                                    direction=record["direction"], **labels)
        self.assertAlmostEqual(seconds * 1000, record["unproductive_ms"], delta=0.01)

    def test_call_is_cancelled_with_the_request_that_caused_it(self):
        self.assertEqual(self.leave("GET"), 499)
        self.assertEqual(self.refused, 499)
        self.assertEqual(len(self.catalog.calls()), 1)
        self.expect_seconds(self.record(direction="inbound"), work="cut_short")
        call = self.record(direction="outbound", target=SLOW)
        self.assertEqual((call["cause"], call["cascaded"], call["unproductive"]),
                         ("request_id", True, "caller_gone"))
        self.expect_seconds(call, work="cut_short")
        for what in ("cancelled", "refused"):
            self.proxy.expect_metric(1, "weir_cascaded_cancellations_total", call=what)
        self.proxy.expect_metric(0, "weir_late_responses_total")
        totals = json.loads(self.proxy.admin("/status.json").text)["totals"]
        self.assertEqual(totals["causes"]["request_id"], 2)
        self.assertEqual(totals["cascaded_cancellations"], {"cancelled": 1, "refused": 1})

    def test_response_of_a_call_that_finishes_for_nobody_is_late(self):
        self.assertEqual(self.leave("POST"), 200)
        call = self.record(direction="outbound", method="POST")
        self.assertTrue(call["attempts"][0]["late"])
        self.expect_seconds(call, work="late")
        self.proxy.expect_metric(1, "weir_late_responses_total", direction="outbound")
