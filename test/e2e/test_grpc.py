"""Promise: gRPC is spoken as gRPC expects it, and judged by its own statuses."""

import json
import queue

import h2_wire
from grpc_peer import RICH_BINARY, RICH_MESSAGE, GrpcClient, GrpcServer, grpc
from h2_mesh import MIB, Http2Test
from mesh import FAILOVER_ALONE, IN_TURN, NO_BREAKER, NO_EJECTION
from processes import wait_until

OK = grpc.StatusCode.OK
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED
CALLS = 12  # enough for round robin to reach every instance several times
ECHO = "/weir.Test/Echo"
# The fields of a call that the client library would write.
RAW = {"content-type": "application/grpc", "te": "trailers"}


def milliseconds(grpc_timeout):
    """The value of a grpc-timeout field."""
    units = {"H": 3.6e6, "M": 6e4, "S": 1e3, "m": 1, "u": 1e-3, "n": 1e-6}
    return int(grpc_timeout[:-1]) * units[grpc_timeout[-1]]


class GrpcTest(Http2Test):
    def server(self, name="a"):
        server = GrpcServer(name)
        self.addCleanup(server.stop)
        return server

    def client(self, weir, **options):
        client = GrpcClient(weir if isinstance(weir, int) else weir.port, **options)
        self.addCleanup(client.channel.close)
        return client

    def chain(self, servers, policy=None, hops=2):
        """Weirs in a row; the first one of them."""
        endpoints = [one.address for one in servers]
        for _ in range(hops):
            weir = self.weir(endpoints, policy)
            endpoints = [f"127.0.0.1:{weir.port}"]
        return weir


class Kinds(GrpcTest):
    """All kinds of calls, through one weir and through two. Nothing is configured for it."""

    def through(self):
        for hops in (1, 2):
            with self.subTest(hops=hops):
                server = self.server()
                yield server, self.client(self.chain([server], hops=hops))

    def test_unary(self):
        for server, client in self.through():
            for size in (0, 1, 1000, 70_000, 4 * MIB):
                code, answer, _ = client.unary("Echo", b"m" * size)
                self.assertEqual((code, len(answer)), (OK, size))

    def test_client_streaming(self):
        for _, client in self.through():
            self.assertEqual(client.collect([b"m" * 1000] * 500), b"m" * 500_000)
            self.assertEqual(client.collect([]), b"")

    def test_server_streaming(self):
        for _, client in self.through():
            self.assertEqual(b"".join(client.split("Split", b"abc" * 300)), b"abc" * 300)

    def test_both_ways_at_once(self):
        for _, client in self.through():
            messages = queue.Queue()
            answers = client.chat(iter(messages.get, None))
            for number in range(50):
                messages.put(b"%d" % number)
                self.assertEqual(next(answers), b"%d" % number)
            messages.put(None)
            self.assertEqual(list(answers), [])
            self.assertEqual(answers.code(), OK)

    def test_many_at_once(self):
        for _, client in self.through():
            calls = [client.start("Echo", b"%d" % number) for number in range(300)]
            self.assertEqual([call.result() for call in calls], [b"%d" % n for n in range(300)])

    def test_messages_larger_than_every_window(self):
        for _, client in self.through():
            code, answer, _ = client.unary("Echo", b"m" * 20 * MIB, timeout=30)
            self.assertEqual((code, len(answer)), (OK, 20 * MIB))

    def test_metadata_and_rich_statuses_pass(self):
        for server, client in self.through():
            code, _, call = client.unary("Rich", metadata=(("x-mine", "1"), ("x-mine-bin", RICH_BINARY)))
            self.assertEqual((code, call.details()),
                             (grpc.StatusCode.FAILED_PRECONDITION, RICH_MESSAGE))
            first, last = dict(call.initial_metadata()), dict(call.trailing_metadata())
            self.assertEqual((first["x-first"], first["x-first-bin"]), ("1", RICH_BINARY))
            self.assertEqual((last["x-last"], last["x-last-bin"]), ("2", RICH_BINARY))
            seen = server.calls()[0].metadata
            self.assertEqual((seen["x-mine"], seen["x-mine-bin"]), ("1", RICH_BINARY))

    def test_statuses_pass(self):
        for _, client in self.through():
            for name in ("NOT_FOUND", "PERMISSION_DENIED", "INTERNAL", "UNAUTHENTICATED"):
                code, _, call = client.unary(f"Fail_{name}")
                self.assertEqual((code.name, call.details()), (name, "by order"))
            self.assertEqual(client.unary("Nothing")[0], grpc.StatusCode.UNIMPLEMENTED)

    def test_status_after_messages_passes(self):
        for _, client in self.through():
            answers = client.split("Late_ABORTED", b"")
            self.assertEqual(next(answers), b"first")
            with self.assertRaises(grpc.RpcError) as caught:
                next(answers)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.ABORTED)


class Deadlines(GrpcTest):
    def test_deadline_ends_the_call_everywhere(self):
        for hops in (1, 2):
            with self.subTest(hops=hops):
                server = self.server()
                client = self.client(self.chain([server], hops=hops))
                self.assertEqual(client.unary("Hang", timeout=0.3)[0], DEADLINE_EXCEEDED)
                self.assertTrue(server.calls()[0].ended.wait(5), "the server goes on")

    def test_each_hop_shrinks_the_grant_and_writes_it_in_its_own_units(self):
        origin = self.origin()
        far = self.weir([origin.address])
        near = self.weir([f"127.0.0.1:{far.port}"])
        for weir in (far, near):
            for granted in ("2S", "2000m", "2000000u"):
                origin.clear()
                h2_wire.request(weir.port, "POST", ECHO, {**RAW, "grpc-timeout": granted}, b"\0" * 5)
                left = origin.calls()[0].header("grpc-timeout")
                self.assertRegex(left, r"^\d{1,8}[HMSmun]$")
                self.assertLess(milliseconds(left), 2000)
                self.assertGreater(milliseconds(left), 1000)

    def test_route_shortens_and_never_lengthens(self):
        server = self.server()
        weir = self.weir([server.address], route={"budget": "500ms"})
        for asked, most in ((60, 0.5), (0.2, 0.2)):
            server.clear()
            self.assertEqual(self.client(weir).unary("Echo", timeout=asked)[0], OK)
            # The client library rounds up what it sends.
            self.assertLessEqual(server.calls()[0].remaining, most * 1.05)

    def test_weir_answers_when_its_own_budget_ends(self):
        """The caller grants nothing; the status is a local reply, trailers only."""
        server = self.server()
        weir = self.weir([server.address], route={"budget": "200ms"})
        code, _, call = self.client(weir).unary("Hang", timeout=None)
        self.assertEqual(code, DEADLINE_EXCEEDED)
        self.assertTrue(server.calls()[0].ended.wait(5), "the server goes on")
        with h2_wire.Client(weir.port) as raw:
            answer = raw.request("POST", "/weir.Test/Hang", RAW, b"\0" * 5)
        self.assertEqual((answer.status, answer.header("grpc-status")), (200, "4"))
        self.assertEqual(answer.header("content-type"), "application/grpc")

    def test_expired_call_reaches_nobody(self):
        server = self.server()
        weir = self.weir([server.address])
        answer = h2_wire.request(weir.port, "POST", ECHO, {**RAW, "grpc-timeout": "0m"}, b"\0" * 5)
        self.assertEqual((answer.status, answer.header("grpc-status")), (200, "4"))
        self.assertEqual(server.calls(), [])

    def test_cancellation_reaches_the_server(self):
        for hops in (1, 2):
            with self.subTest(hops=hops):
                server = self.server()
                client = self.client(self.chain([server], hops=hops))
                call = client.start("Hang", timeout=20)
                seen = server.wait_for_call("Hang")
                other = client.start("Hang", timeout=20)
                wait_until(lambda: server.count() == 2, what="the other call")
                call.cancel()
                self.assertTrue(seen.ended.wait(5), "the server goes on")
                self.assertFalse(server.calls()[1].ended.is_set())
                self.assertEqual(client.unary("Echo", b"x")[1], b"x")
                other.cancel()

    def test_channel_that_closes_cancels(self):
        server = self.server()
        client = self.client(self.weir([server.address]))
        call = client.start("Hang", timeout=20)
        seen = server.wait_for_call("Hang")
        client.channel.close()
        self.assertTrue(seen.ended.wait(5), "the server goes on")
        self.assertTrue(call.done())


class OneFailover(GrpcTest):
    def setUp(self):
        super().setUp()
        self.a, self.b = self.server("a"), self.server("b")

    def policy(self, *idempotent, **more):
        failover = {**FAILOVER_ALONE["failover"], "idempotent_grpc": list(idempotent)}
        return {**FAILOVER_ALONE, "failover": failover, **more}

    def ask(self, weir, method="Echo", metadata=()):
        client = self.client(weir)
        return [client.unary(method, b"m", metadata=metadata)[0] for _ in range(CALLS)]

    def test_idempotent_methods_move_on_from_trailers_only(self):
        weir = self.weir([self.a.address, self.b.address], self.policy(ECHO))
        self.a.unavailable = True
        self.assertEqual(self.ask(weir), [OK] * CALLS)
        self.assertGreater(self.a.count(), 0)
        marks = [call.metadata.get("grpc-previous-rpc-attempts") for call in self.b.calls()]
        self.assertEqual(marks.count("1"), self.a.count())
        weir.expect_metric(self.a.count(), "weir_failovers_total")

    def test_others_do_not(self):
        weir = self.weir([self.a.address, self.b.address], self.policy("/weir.Test/Other"))
        self.a.unavailable = True
        self.assertIn(UNAVAILABLE, self.ask(weir))
        self.assertEqual(self.a.count() + self.b.count(), CALLS)
        self.assertGreater(weir.metric("weir_failover_refused_total", reason="not_idempotent"), 0)

    def test_other_statuses_are_answers(self):
        weir = self.weir([self.a.address, self.b.address], self.policy("/weir.Test/Fail_INTERNAL"))
        self.assertEqual(set(self.ask(weir, "Fail_INTERNAL")), {grpc.StatusCode.INTERNAL})
        self.assertEqual(self.a.count() + self.b.count(), CALLS)

    def test_instance_that_is_gone_costs_nothing(self):
        weir = self.weir([self.a.address, self.b.address], self.policy())
        self.a.stop()
        self.assertEqual(self.ask(weir), [OK] * CALLS)

    def test_calls_that_are_retries_are_not_retried(self):
        weir = self.weir([self.a.address, self.b.address], self.policy(ECHO))
        self.a.unavailable = self.b.unavailable = True
        self.assertEqual(set(self.ask(weir, metadata=(("grpc-previous-rpc-attempts", "1"),))),
                         {UNAVAILABLE})
        self.assertEqual(self.a.count() + self.b.count(), CALLS)

    def test_never_more_than_two_calls_through_two_hops(self):
        far = [self.weir([self.a.address, self.b.address], self.policy(ECHO)) for _ in range(2)]
        near = self.weir([f"127.0.0.1:{one.port}" for one in far], self.policy(ECHO))
        self.a.unavailable = self.b.unavailable = True
        self.assertEqual(set(self.ask(near)), {UNAVAILABLE})
        self.assertLessEqual(self.a.count() + self.b.count(), 2 * CALLS)

    def test_spent_below_tells_the_caller_not_to_retry(self):
        weir = self.weir([self.a.address, self.b.address], self.policy(ECHO))
        self.a.unavailable = self.b.unavailable = True
        _, _, call = self.client(weir).unary("Echo")
        last = {**dict(call.initial_metadata()), **dict(call.trailing_metadata())}
        self.assertTrue(int(last["grpc-retry-pushback-ms"]) < 0, last)


class Protection(GrpcTest):
    def test_breaker_opens_by_grpc_status_and_answers_by_itself(self):
        server = self.server()
        weir = self.weir([server.address], {**NO_EJECTION, "failover": "off", "breaker": {
            "minimum": 10, "open_for": "60s"}})
        client = self.client(weir)
        server.unavailable = True
        wait_until(lambda: client.unary("Echo")[0] and
                   weir.metric("weir_breaker_state", state="open") == 1, what="the breaker to open")
        seen = server.count()
        code, _, call = client.unary("Echo")
        self.assertEqual((code, server.count()), (UNAVAILABLE, seen))
        last = {**dict(call.initial_metadata()), **dict(call.trailing_metadata())}
        self.assertIn("grpc-retry-pushback-ms", last)

    def test_statuses_that_are_the_callers_fault_open_nothing(self):
        server = self.server()
        weir = self.weir([server.address], {"breaker": {"minimum": 5}})
        client = self.client(weir)
        for _ in range(40):
            self.assertEqual(client.unary("Fail_NOT_FOUND")[0], grpc.StatusCode.NOT_FOUND)
        self.assertEqual(weir.metric("weir_breaker_state", state="closed"), 1)
        self.assertEqual(weir.metric("weir_endpoint_ejections_total"), 0)

    def test_unavailable_instance_is_ejected(self):
        a, b = self.server("a"), self.server("b")
        weir = self.weir([a.address, b.address], {**NO_BREAKER, **IN_TURN, "failover": "off", "ejection": {
            "consecutive_failures": 3, "base": "60s"}})
        a.unavailable = True
        client = self.client(weir)
        wait_until(lambda: client.unary("Echo") and
                   weir.metric("weir_endpoint_ejections_total") == 1, what="the ejection")
        self.assertEqual({client.unary("Echo")[0] for _ in range(CALLS)}, {OK})

    def test_nobody_there_is_unavailable(self):
        server = self.server()
        weir = self.weir([server.address], {"failover": "off"})
        server.stop()
        self.assertEqual(self.client(weir).unary("Echo")[0], UNAVAILABLE)

    def test_unknown_host_is_a_grpc_status(self):
        code, _, _ = self.client(self.weir([self.server().address]), host="nobody").unary("Echo")
        self.assertEqual(code, grpc.StatusCode.UNIMPLEMENTED)

    def test_health_protocol_takes_an_instance_out_and_back(self):
        a, b = self.server("a"), self.server("b")
        weir = self.weir([a.address, b.address], {
            **FAILOVER_ALONE, "health": {"grpc": "", "interval": "200ms", "timeout": "190ms",
                                         "unhealthy_after": 2, "healthy_after": 1}})
        client = self.client(weir)

        def available(server):
            return weir.metric("weir_endpoint_available", endpoint=server.address)
        wait_until(lambda: a.count("Health") > 2 and b.count("Health") > 2, what="health checks")
        self.assertEqual((available(a), available(b)), (1, 1))
        a.status = 2  # NOT_SERVING
        wait_until(lambda: available(a) == 0, what="the instance to be taken out")
        a.clear()
        self.assertEqual([client.unary("Echo")[0] for _ in range(CALLS)], [OK] * CALLS)
        self.assertEqual(a.count(), 0)
        a.status = 1
        wait_until(lambda: available(a) == 1, what="the instance to come back")
        wait_until(lambda: client.unary("Echo")[0] is OK and a.count() > 0, what="calls to it")


class Telemetry(GrpcTest):
    def test_calls_are_counted_by_service_and_method(self):
        weir = self.weir([self.server().address])
        client = self.client(weir)
        for _ in range(3):
            client.unary("Echo")
        client.unary("Fail_NOT_FOUND")
        weir.expect_metric(3, "weir_grpc_requests_total", grpc_service="weir.Test",
                           grpc_method="Echo", grpc_status="0")
        weir.expect_metric(3, "weir_grpc_request_duration_seconds_count", grpc_method="Echo")
        weir.expect_metric(3, "weir_grpc_responses_total", grpc_status="0")
        weir.expect_metric(1, "weir_grpc_responses_total", grpc_status="5")

    def test_names_that_callers_invent_do_not_become_series(self):
        weir = self.weir([self.server().address], {"failover": "off"})
        client = self.client(weir)
        calls = [client.start(f"Invented{number}") for number in range(3000)]
        for call in calls:
            call.code()
        weir.expect_metric(len(calls), "weir_grpc_requests_total", grpc_status="12")
        self.assertNotIn("Invented", weir.admin("/metrics").text)

    def test_log_tells_the_status(self):
        weir = self.weir([self.server().address])
        self.client(weir).unary("Fail_NOT_FOUND")
        self.assertIn(5, json.loads(weir.log()[0]).values())
