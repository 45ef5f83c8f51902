"""Promise: what is known of a request crosses the application that it makes call others."""

import threading
import time

import wire
from applications import (EVERYTHING, TRACE, GrpcApplication, GrpcCall, Http1Application, Http1Call,
                          Http2Application, Http2Call)
from h2_mesh import HTTP2
from mesh import FAILOVER_ALONE, MeshTest
from processes import wait_until

CALL, HELD = "/weir.Test/Call", "/weir.Test/Held"
TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
OTHERS = "rojo=00f067aa0ba902b7,fw529a3039@dt=FfIx;tag~1,congo=t61rcWkgMzE"
NOBODY = "127.0.0.1:9"


def traceparent(number, span=1):
    """A trace of one's own for each number."""
    return f"00-{number:032x}-{span:016x}-01"


class CorrelationTest(MeshTest):
    """user -> weir_a -> a -> weir_a -> weir_b -> b. Subclasses say what is spoken.

    The application a calls b under the same path and answers with the status that it got. b answers
    at once, but for HELD: that it answers when `release` is set or when its caller has gone."""

    application_class, call_class = Http1Application, Http1Call
    upstream, inbound = {}, {}

    def setUp(self):
        super().setUp()
        self.release = threading.Event()
        self.addCleanup(self.release.set)
        self.outcomes = []  # of a's calls

    def application(self, answer):
        application = self.application_class(answer)
        self.addCleanup(application.stop)
        return application

    def service(self, application, endpoints=(NOBODY,), upstream=None, inbound=None, **sections):
        """A weir beside an application."""
        return self.weir(endpoints, {**self.upstream, **(upstream or {})}, inbound={
            "application": application.address, **self.inbound, **(inbound or {})}, **sections)

    def chain(self, copies=TRACE, **sections):
        """`sections` are of the weir beside a."""
        self.copies = copies
        self.b = self.application(self.answer)
        self.weir_b = self.service(self.b)
        self.a = self.application(self.call)
        self.weir_a = self.service(self.a, [f"127.0.0.1:{self.weir_b.inbound_port}"], **sections)

    def edge(self):
        """The port of one more weir, where users are not believed."""
        edge = self.weir([NOBODY], inbound={"application": f"127.0.0.1:{self.weir_a.inbound_port}",
                                            "trusted": False, **self.inbound})
        return edge.inbound_port

    def outbound_edge(self):
        """Another, which stands before several instances."""
        inside = f"127.0.0.1:{self.weir_a.inbound_port}"
        return self.weir([inside], self.upstream, outbound={"trusted": False}).port

    def answer(self, request):
        if request.path == HELD:
            wait_until(lambda: self.release.is_set() or request.gone(), 20, "the end of the test")
        return 200

    def call(self, request, method="GET", fields=None):
        """What a does."""
        fields = {**request.copied(self.copies), **(fields or {})}
        status = self.call_class(self.weir_a.port, fields, method, request.path).status()
        self.outcomes.append(status)
        return status

    def user(self, fields=None, path=CALL, method="GET", port=None):
        return self.call_class(port or self.weir_a.inbound_port, fields or {}, method, path)

    def ask(self, fields=None, **how):
        self.assertEqual(self.user(fields, **how).status(), 200)
        return self.b.requests()[-1]

    def arrived(self, application, count=1):
        wait_until(lambda: len(application.requests()) >= count, what=f"{count} requests")
        return application.requests()[count - 1]

    def held(self, fields=None, **how):
        """A user's call that has got as far as b: the call, and the requests of a and b."""
        seen = [len(one.requests()) + 1 for one in (self.a, self.b)]
        call = self.user(fields, HELD, **how)
        return call, self.arrived(self.a, seen[0]), self.arrived(self.b, seen[1])

    def cancelled(self, *requests):
        wait_until(lambda: all(one.gone() for one in requests), what="the calls to be cancelled")

    def outcome(self, count=1):
        wait_until(lambda: len(self.outcomes) >= count, what="a's calls to end")
        return self.outcomes

    def unharmed(self, *requests):
        """They go on, also when weir has told itself all that it had to, and a hears of it."""
        before = len(self.outcomes)
        self.ask()
        self.assertFalse(any(one.gone() for one in requests), "cancelled")
        self.release.set()
        wait_until(lambda: all(one.answered for one in requests), what="the calls to finish")
        self.assertEqual(set(self.outcome(len(self.a.requests()))[before:]), {200})

    def sources(self, weir=None):
        names = ("exact", "trace", "header", "route", "default", "maximum")
        counts = {name: (weir or self.weir_a).metric("weir_budget_source_total", source=name,
                                                     direction="outbound") for name in names}
        return {name: int(count) for name, count in counts.items() if count}

    def expect_sources(self, **expected):
        wait_until(lambda: self.sources() == expected, what=f"{expected}, not {self.sources()}")


class Crossing:
    """What holds in every protocol."""

    def test_budget_is_less_by_the_time_that_the_application_dawdled(self):
        self.chain()

        def dawdle(request):
            wait_until(lambda: time.monotonic() - request.arrived > 0.3)
            return self.call(request)
        self.a.answer = dawdle
        self.ask({"weir-budget-ms": "4000"})
        granted, left = [int(one.requests()[0].header("weir-budget-ms"))
                         for one in (self.a, self.b)]
        self.assertLessEqual(granted, 4000)
        self.assertLessEqual(left, granted - 300)
        self.assertGreater(left, 0)
        self.assertEqual(set(self.a.requests()[0].copied(TRACE)), set(TRACE))
        self.expect_sources(exact=1)
        self.assertIn('"budget_source":"exact"', self.weir_a.log(2)[0].replace(": ", ":"))

    def test_budget_of_the_edge_reaches_the_leaf(self):
        self.chain()
        edge = self.weir([f"127.0.0.1:{self.weir_a.inbound_port}"], self.upstream,
                         outbound={"trusted": False, "budget": {"default": "3s", "maximum": "3s"}})
        seen = self.ask({"weir-budget-ms": "60000"}, port=edge.port)
        self.assertLess(int(seen.header("weir-budget-ms")), 3000)
        self.expect_sources(exact=1)

    def test_source_tells_what_the_application_hands_on(self):
        self.chain()
        came = {"weir-budget-ms": "3000", "traceparent": TRACEPARENT, "x-request-id": "r1"}
        expected = {}
        for copies, source in [(TRACE, "exact"), (EVERYTHING, "exact"), (("tracestate",), "exact"),
                               (("traceparent",), "trace"), (("x-request-id",), "trace"),
                               ((), "default")]:
            with self.subTest(str(copies)):
                self.copies = copies
                left = int(self.ask(came).header("weir-budget-ms"))
                (self.assertGreater if source == "default" else self.assertLess)(left, 3000)
                expected[source] = expected.get(source, 0) + 1
                self.expect_sources(**expected)

    def test_other_formats_lead_to_the_request_too(self):
        self.chain()
        formats = [
            {"b3": f"{TRACE_ID}-{SPAN_ID}-1"}, {"b3": f"{TRACE_ID[:16]}-{SPAN_ID}"},
            {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, "x-b3-sampled": "1"},
            {"x-amzn-trace-id": f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]};Parent={SPAN_ID};Sampled=1"},
            {"uber-trace-id": f"{TRACE_ID}:{SPAN_ID}:0:1"}]
        for number, came in enumerate(formats, 1):
            with self.subTest(str(came)):
                self.copies = tuple(came)
                seen = self.ask({"weir-budget-ms": "3000", **came})
                self.assertLess(int(seen.header("weir-budget-ms")), 3000)
                self.expect_sources(trace=number)

    def test_trace_id_with_a_span_of_its_own_is_enough(self):
        self.chain(())
        own = {"traceparent": traceparent(7, span=99)}
        self.a.answer = lambda request: self.call(request, fields=own)
        seen = self.ask({"weir-budget-ms": "3000", "traceparent": traceparent(7)})
        self.assertLess(int(seen.header("weir-budget-ms")), 3000)
        self.expect_sources(trace=1)

    def test_entries_of_others_survive_in_order_and_ours_is_put_first(self):
        self.chain()
        self.ask({"traceparent": TRACEPARENT, "tracestate": OTHERS})
        seen = [one.requests()[0].header("tracestate") for one in (self.a, self.b)]
        for state in seen:
            self.assertRegex(state, "^weir=[0-9a-f]{40},")
            self.assertEqual(state.partition(",")[2], OTHERS)
        self.assertNotEqual(*seen)

    def test_our_entry_does_not_leave(self):
        b = self.application(self.answer)
        self.b, self.copies, self.a = b, TRACE, self.application(self.call)
        self.weir_a = self.service(self.a, [b.address])
        self.assertEqual(self.ask({"traceparent": TRACEPARENT, "tracestate": OTHERS})
                         .header("tracestate"), OTHERS)
        self.assertIsNone(self.ask({"traceparent": TRACEPARENT}).header("tracestate"))

    def test_call_that_has_no_more_than_the_margin_left_goes_nowhere(self):
        self.chain(outbound={"margin": "10s", "budget": {"default": "20s"}})
        self.assertEqual(self.user({"weir-budget-ms": "9000"}).status(), 504)
        self.assertEqual((self.outcomes, self.b.requests()), ([504], []))
        self.weir_a.expect_metric(1, "weir_expired_requests_total", direction="outbound")

    def test_deadline_ends_everything_below(self):
        self.chain()
        call, _, b = self.held({"weir-budget-ms": "500"})
        self.assertEqual(call.status(), 504)
        self.cancelled(b)

    def test_user_who_hangs_up_ends_everything_below(self):
        self.chain()
        edge = self.edge()
        for number, port in enumerate((None, edge), 1):
            call, _, b = self.held(port=port)
            call.hang_up()
            self.cancelled(b)
            self.assertIn(self.outcome(number)[-1], (499, 504))
        self.assertEqual(set(self.outcomes), {499})
        wait_until(lambda: self.weir_a.metric("weir_unproductive_seconds_total",
                                              upstream="catalog", reason="caller_gone") > 0)

    def test_call_made_after_the_user_has_hung_up_goes_nowhere(self):
        self.chain()

        def work_on(request):
            self.cancelled(request)
            return self.call(request)
        self.a.answer = work_on
        for number, self.copies in enumerate((TRACE, ("traceparent",)), 1):
            call = self.user({"traceparent": traceparent(number)})
            self.arrived(self.a, number)
            call.hang_up()
            self.outcome(number)
        self.assertEqual((self.outcomes, self.b.requests()), ([499, 499], []))

    def test_finish_lets_the_call_below_finish(self):
        self.chain(route={"on_caller_gone": "finish"})
        call, a, b = self.held()
        call.hang_up()
        self.cancelled(a)
        self.unharmed(b)

    def test_call_that_outlives_its_answered_request_is_left_alone(self):
        for copies in (TRACE, ("traceparent",)):
            with self.subTest(str(copies)):
                self.release.clear()
                self.outcomes.clear()
                self.chain(copies)

                def answer_first(request):
                    if request.path != HELD:
                        return self.call(request)
                    threading.Thread(target=self.call, args=(request,), daemon=True).start()
                    self.arrived(self.b)
                    return 200
                self.a.answer = answer_first
                call, _, b = self.held({"weir-budget-ms": "3000"})
                self.assertEqual(call.status(), 200)
                self.unharmed(b)

    def test_answered_request_caps_nothing(self):
        """Its ids may be used for work that goes on."""
        self.chain(())
        self.ask({"weir-budget-ms": "900", "traceparent": TRACEPARENT})
        came = self.a.requests()[0]
        self.weir_a.expect_metric(1, "weir_requests_total", direction="inbound")
        for copies in (TRACE, ("traceparent",)):
            self.copies = copies
            self.assertEqual(self.call(came), 200)
            self.assertGreater(int(self.b.requests()[-1].header("weir-budget-ms")), 900)

    def test_latest_deadline_counts_among_those_who_share_a_trace(self):
        self.chain(("traceparent",))
        shared = {"traceparent": traceparent(5)}
        long, _, _ = self.held({"weir-budget-ms": "20000", **shared})
        seen = self.ask({"weir-budget-ms": "2000", **shared})
        self.assertGreater(int(seen.header("weir-budget-ms")), 2000)
        self.release.set()
        self.assertEqual(long.status(), 200)

    def test_call_ends_with_the_last_of_those_who_may_have_caused_it(self):
        self.chain(("traceparent",))
        shared = {"traceparent": traceparent(5)}
        first, _, b1 = self.held(shared)
        second, a2, b2 = self.held(shared)
        second.hang_up()
        self.cancelled(a2)
        self.ask()
        self.assertFalse(b1.gone() or b2.gone())
        first.hang_up()
        self.cancelled(b1, b2)

    def test_marks_and_criticality_cross(self):
        self.chain()
        both = {"weir-attempt": "2", "weir-criticality": "sheddable"}
        self.assertEqual(self.ask(both).copied(both), both)
        self.assertEqual(self.ask().copied(both), {})

    def test_calls_of_one_request_get_one_version(self):
        b = {version: self.application(self.answer) for version in ("v1", "v2")}
        self.a = self.application(lambda request: max(self.call(request) for _ in range(4)))
        self.copies = TRACE
        self.weir_a = self.service(self.a, [
            {"address": one.address, "version": version} for version, one in b.items()],
            route={"versions": [{"split": {"v1": "50%", "v2": "50%"}}]})
        for _ in range(20):
            self.assertEqual(self.user().status(), 200)
        for one in b.values():
            # All four or none, each time.
            traces = [request.header("traceparent") for request in one.requests()]
            self.assertEqual({traces.count(trace) for trace in traces}, {4})

    def test_route_may_opt_out(self):
        self.chain(route={"correlate": "off"})
        call, a, b = self.held({"weir-budget-ms": "3000", "weir-attempt": "2"})
        self.assertGreater(int(b.header("weir-budget-ms")), 3000)
        self.assertIsNone(b.header("weir-attempt"))
        call.hang_up()
        self.cancelled(a)
        self.unharmed(b)
        self.expect_sources(default=2)

    def test_nothing_from_beyond_the_edge_is_believed(self):
        self.believe_nothing_from(self.edge)

    def test_nothing_from_beyond_an_outbound_edge_is_believed(self):
        self.believe_nothing_from(self.outbound_edge)

    def believe_nothing_from(self, edge_of):
        """Somebody has learned the ids of a request inside, and uses them."""
        self.chain(EVERYTHING)
        edge = edge_of()
        victim, a, b = self.held({"x-request-id": "r1"})
        stolen = a.copied((*TRACE, "x-request-id"))
        trace, span = stolen["traceparent"].split("-")[1:3]
        for forged in ({"weir-budget-ms": "1", "weir-attempt": "2"},
                       {"b3": f"{trace}-{span}-1", "uber-trace-id": f"{trace}:{span}:0:1"}):
            call, a2, b2 = self.held({**stolen, **forged}, port=edge)
            self.assertNotIn(trace, str(a2.fields))
            self.assertTrue(set(stolen.values()).isdisjoint(value for _, value in a2.fields))
            self.assertIsNone(b2.header("weir-attempt"))
            call.hang_up()
            self.cancelled(b2)
        self.outcome(2)
        self.unharmed(b)
        self.assertEqual(victim.status(), 200)

    def test_inbound_listener_may_be_the_edge(self):
        self.chain(EVERYTHING, inbound={"trusted": False})
        forged = {"traceparent": TRACEPARENT, "tracestate": f"weir={'0' * 40},{OTHERS}",
                  "x-request-id": "mine", "b3": f"{TRACE_ID}-{SPAN_ID}-1", "weir-budget-ms": "1",
                  "uber-trace-id": f"{TRACE_ID}:{SPAN_ID}:0:1", "weir-attempt": "2"}
        self.ask(forged)
        a = self.a.requests()[0]
        self.assertNotIn(TRACE_ID, str(a.fields))
        self.assertRegex(a.header("tracestate"), "^weir=[0-9a-f]{40}$")
        self.assertEqual(a.header("x-request-id"), a.header("traceparent").split("-")[1])
        self.expect_sources(exact=1)

    def test_cause_is_found_on_another_worker(self):
        self.chain(process={"workers": 2})
        for number in range(1, 13):
            call, _, b = self.held({"weir-budget-ms": "9000"})
            self.assertLess(int(b.header("weir-budget-ms")), 9000)
            call.hang_up()
            self.cancelled(b)
            self.outcome(number)
        self.assertEqual(set(self.outcomes), {499})
        self.expect_sources(exact=12)


class Late:
    """A gRPC server answers by itself when its deadline passes, maybe just before weir does."""

    def test_call_made_after_the_deadline_goes_nowhere(self):
        self.chain()

        def dawdle(request):
            self.cancelled(request)
            return self.call(request)
        self.a.answer = dawdle
        self.assertEqual(self.user({"weir-budget-ms": "200"}).status(), 504)
        self.assertEqual((self.outcome(), self.b.requests()), ([499], []))


class OverHttp1(Crossing, Late, CorrelationTest):
    def test_entries_in_several_fields_are_one_list(self):
        self.chain()
        with wire.Client(self.weir_a.inbound_port) as client:
            client.send(f"GET {CALL} HTTP/1.1\r\nHost: catalog\r\ntraceparent: {TRACEPARENT}\r\n"
                        "tracestate: a=1,b=2\r\ntracestate: c=3\r\n\r\n")
            self.assertEqual(client.read_response().status, 200)
        for one in (self.a, self.b):
            self.assertRegex(one.requests()[0].header("tracestate"), "^weir=.{40},a=1,b=2,c=3$")


class OverHttp2(Crossing, Late, CorrelationTest):
    application_class, call_class = Http2Application, Http2Call
    upstream = inbound = HTTP2


class OverGrpc(Crossing, Late, CorrelationTest):
    application_class, call_class = GrpcApplication, GrpcCall


class Posts:
    """By default only what is safe is cancelled."""

    def test_post_below_finishes(self):
        self.chain()
        methods = {CALL: "GET", HELD: "POST"}
        self.a.answer = lambda request: self.call(request, methods[request.path])
        call, a, b = self.held()
        call.hang_up()
        self.cancelled(a)
        self.unharmed(b)

    def test_post_above_finishes_with_all_that_it_calls(self):
        self.chain()
        call, a, b = self.held(method="POST")
        call.hang_up()
        self.unharmed(a, b)


class PostsOverHttp1(Posts, CorrelationTest):
    pass


class PostsOverHttp2(Posts, CorrelationTest):
    application_class, call_class = Http2Application, Http2Call
    upstream = inbound = HTTP2


class Tiers:
    """edge -> two of a -> two of b -> three leaves, and a weir beside each but the leaves."""

    users = 12
    # The news of a failover must arrive within it, on a busy machine too.
    margin = {"margin": "100ms"}

    def tiers(self, budget):
        self.copies = TRACE
        self.healthy = set()
        self.trouble = lambda request: 503
        self.leaves = [self.application(self.leaf(number)) for number in range(3)]
        endpoints = [one.address for one in self.leaves]
        for _ in range(2):
            endpoints = [f"127.0.0.1:{self.tier(endpoints).inbound_port}" for _ in range(2)]
        self.edge = self.weir(endpoints, self.policy(),
                              outbound={**self.margin, "budget": {"default": budget}})

    def policy(self):
        failover = {**FAILOVER_ALONE["failover"], "idempotent_grpc": [CALL]}
        return {**FAILOVER_ALONE, **self.upstream, "failover": failover}

    def tier(self, endpoints):
        application = self.application(lambda request: self.call_class(
            weir.port, request.copied(TRACE), request.method, request.path).status())
        weir = self.service(application, endpoints, self.policy(), outbound=self.margin)
        return weir

    def leaf(self, number):
        return lambda request: 200 if number in self.healthy else self.trouble(request)

    def statuses(self):
        calls = [self.user({"traceparent": traceparent(number)}, port=self.edge.port)
                 for number in range(1, self.users + 1)]
        return [call.status() for call in calls]

    def leaf_calls(self):
        """How many each user's request caused, in ascending order."""
        traces = [request.header("traceparent").split("-")[1]
                  for leaf in self.leaves for request in leaf.requests()]
        for leaf in self.leaves:
            leaf.clear()
        return sorted(traces.count(f"{number:032x}") for number in range(1, self.users + 1))

    def test_failing_leaves_are_called_twice_for_one_request(self):
        self.tiers("10s")
        self.assertEqual(self.statuses(), [503] * self.users)
        self.assertEqual(self.leaf_calls(), [2] * self.users)

    def test_leaves_that_hang_are_called_at_most_twice_for_one_request(self):
        self.tiers("3s")
        self.trouble = lambda request: wait_until(request.gone, 20, "the caller to go") and 503
        self.assertLessEqual(set(self.statuses()), {503, 504})
        # Where all of them are silent a second call is no better than waiting.
        self.assertLessEqual(set(self.leaf_calls()), {1, 2})

    def test_one_failing_leaf_of_three_is_not_noticed_by_users(self):
        self.tiers("10s")
        self.healthy = {0, 1}
        self.assertEqual(self.statuses(), [200] * self.users)
        self.assertLessEqual(self.leaf_calls()[-1], 2)


class TiersOverHttp1(Tiers, CorrelationTest):
    pass


class TiersOverHttp2(Tiers, CorrelationTest):
    application_class, call_class = Http2Application, Http2Call
    upstream = inbound = HTTP2


class TiersOverGrpc(Tiers, CorrelationTest):
    application_class, call_class = GrpcApplication, GrpcCall
