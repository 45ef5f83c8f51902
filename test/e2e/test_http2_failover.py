"""Promise: failover knows what HTTP/2 says about requests that were not processed."""

import threading

import h2_wire
from h2_mesh import HTTP2, Http2Test
from mesh import FAILOVER_ALONE, IN_TURN, NO_BREAKER
from processes import wait_until

REQUESTS = 12  # enough for round robin to reach every instance several times
POLICY = {**FAILOVER_ALONE, **HTTP2}


class Failover(Http2Test):
    """Two instances asked in turn, one of them in trouble."""

    def setUp(self):
        super().setUp()
        self.a, self.b = self.origin("a"), self.origin("b")

    def both(self, policy=None, **sections):
        return self.weir([self.a.address, self.b.address], policy or POLICY, **sections)

    def ask(self, weir, method="GET", headers=None, body=None, path="/"):
        """Many requests on one connection; statuses, 0 for a stream that was reset."""
        with h2_wire.Client(weir.port) as client:
            return [client.request(method, path, {"x-request-id": f"q{number}", **(headers or {})},
                                   body).status for number in range(REQUESTS)]

    def calls_by_id(self):
        counts = {}
        for call in self.a.calls() + self.b.calls():
            key = call.header("x-request-id")
            counts[key] = counts.get(key, 0) + 1
        return counts

    def test_refused_stream_moves_on_also_for_post(self):
        weir = self.both()
        self.a.mode = "refuse"
        for method, body in (("GET", None), ("POST", b"pay"), ("POST", b"p" * 40_000)):
            with self.subTest(f"{method} {len(body or b'')}"):
                self.a.clear(), self.b.clear()
                self.assertEqual(self.ask(weir, method, body=body), [200] * REQUESTS)
                self.assertGreater(self.a.count(), 0)
                for call in self.b.calls():
                    self.assertEqual(bytes(call.body), body or b"")
                self.assertLessEqual(max(self.calls_by_id().values()), 2)

    def test_second_attempt_says_so_unless_the_first_was_not_processed(self):
        for mode, method, body, mark in (("refuse", "POST", b"pay", None), ("kill", "GET", None, "2")):
            with self.subTest(mode):
                weir = self.both()
                self.a.clear(), self.b.clear()
                self.a.mode = mode
                self.ask(weir, method, body=body)
                tried = {call.header("x-request-id") for call in self.a.calls()}
                for call in self.b.calls():
                    expected = mark if call.header("x-request-id") in tried else None
                    self.assertEqual(call.header("weir-attempt"), expected)
                weir.expect_metric(len(tried), "weir_failovers_total")

    def test_refusal_by_policy_that_does_not_list_it_stays(self):
        weir = self.both({**POLICY, "failover": {**POLICY["failover"], "on": ["connect_failure"]}})
        self.a.mode = "refuse"
        self.assertIn(503, self.ask(weir))

    def test_streams_above_a_goaway_move_on_also_for_post(self):
        weir = self.both()
        self.ask(weir)  # both connections are warm
        self.a.mode = "goaway"
        self.assertEqual(self.ask(weir, "POST", body=b"pay"), [200] * REQUESTS)
        self.assertGreater(self.a.count(), 0)

    def test_streams_below_a_goaway_are_finished(self):
        """The instance refuses what is new; what it has taken it answers."""
        weir = self.weir([self.a.address], POLICY)
        held = []
        end = self.a.end

        def hold(connection, call):
            held.append((connection, call)) if call.path == "/held" else end(connection, call)
        self.a.end = hold
        with h2_wire.Client(weir.port) as client:
            stream = client.open("POST", "/held")
            wait_until(lambda: held, what="the call")
            self.a.restart_gently()
            # Goes over a fresh connection to the same instance.
            self.assertEqual([client.request().status for _ in range(3)], [200] * 3)
            self.assertFalse(client.responses[stream].finished)
            connection, call = held[0]
            with connection.lock:
                end(connection, call)
                connection.flush()
            self.assertEqual(client.wait(stream).status, 200)
        self.assertEqual(self.a.made, 2)

    def test_connection_that_dies_mid_request_moves_a_get_and_not_a_post(self):
        weir = self.both()
        self.a.mode = "kill"
        self.assertEqual(self.ask(weir), [200] * REQUESTS)
        self.a.clear(), self.b.clear()
        statuses = self.ask(weir, "POST", body=b"pay")
        self.assertTrue(set(statuses) <= {200, 502}, statuses)
        self.assertEqual(statuses.count(200), self.b.count())
        self.assertEqual(set(self.calls_by_id().values()), {1})
        self.assertGreater(weir.metric("weir_failover_refused_total", reason="not_idempotent"), 0)

    def test_attempt_that_is_not_made_takes_nobodys_turn(self):
        weir = self.both()
        self.a.mode = "kill"
        self.assertEqual(self.ask(weir, "POST", body=b"pay").count(200), REQUESTS // 2)

    def test_idempotency_key_makes_that_post_safe(self):
        weir = self.both()
        self.a.mode = "kill"
        self.assertEqual(self.ask(weir, "POST", {"idempotency-key": "k"}, b"pay"), [200] * REQUESTS)

    def test_every_stream_of_a_dying_connection_is_judged_by_itself(self):
        weir = self.both()
        self.ask(weir)
        self.a.clear(), self.b.clear()
        with h2_wire.Client(weir.port) as client:
            gets = [client.open(path="/slow/1") for _ in range(8)]
            posts = [client.open("POST", "/slow/1") for _ in range(8)]
            wait_until(lambda: self.a.count() + self.b.count() == 16, what="the calls")
            dying = [call for call in self.a.calls()]
            # From now on everybody answers; what is on this connection dies with it.
            for origin in (self.a, self.b):
                origin.end = lambda connection, call: connection.head(call, 200, end=True)
            for connection in self.a.connections():
                connection.close()
            lost = sum(call.header(":method") == "POST" for call in dying)
            moved = len(dying) - lost
            self.assertGreater(lost * moved, 0)
            client.until(lambda: sum(client.responses[one].finished for one in gets) == moved)
            client.until(lambda: sum(client.responses[one].finished for one in posts) == lost)
            done = [client.responses[one].status for one in gets + posts
                    if client.responses[one].finished]
            self.assertEqual((done.count(200), len(done)), (moved, moved + lost))

    def test_kept_connection_that_has_died_blames_nobody(self):
        weir = self.both({**HTTP2, **NO_BREAKER, **IN_TURN,
                          "ejection": {"consecutive_failures": 1, "base": "60s"}})
        for _ in range(3):
            self.assertEqual(self.ask(weir), [200] * REQUESTS)
            for origin in (self.a, self.b):
                for connection in origin.connections():
                    connection.close()
        self.assertEqual(weir.metric("weir_endpoint_ejections_total"), 0)

    def test_one_instance_that_refuses_has_no_alternative(self):
        weir = self.weir([self.a.address], POLICY)
        self.a.mode = "refuse"
        self.assertEqual(self.ask(weir, "POST", body=b"pay"), [503] * REQUESTS)
        weir.expect_metric(REQUESTS, "weir_failover_refused_total", reason="no_alternative")

    def test_refused_by_both_is_said_to_be_spent(self):
        far = [self.both() for _ in range(2)]
        near = self.weir([f"127.0.0.1:{one.port}" for one in far], POLICY)
        self.a.mode = self.b.mode = "refuse"
        self.assertEqual(set(self.ask(near)), {503})
        self.assertLessEqual(max(self.calls_by_id().values()), 2)


class Storms(Http2Test):
    """Load goes on while instances come and go."""

    def load(self, weir, method, stop, results):
        """Requests of one method, several at once, on one connection, until told to stop."""
        with h2_wire.Client(weir.port) as client:
            while not stop.is_set():
                streams = [client.open(method, "/", {"x-request-id": "storm"}) for _ in range(8)]
                results += [client.wait(one).status for one in streams]

    def under_load(self, weir, trouble):
        stop, results = threading.Event(), []
        threads = [threading.Thread(target=self.load, args=(weir, method, stop, results))
                   for method in ("GET", "POST")]
        for thread in threads:
            thread.start()
        try:
            trouble(lambda: len(results))
        finally:
            stop.set()
            for thread in threads:
                thread.join(20)
        self.assertEqual([status for status in results if status != 200], [])

    def after(self, count, more):
        """Waits until so many more requests have been answered."""
        goal = count() + more
        wait_until(lambda: count() >= goal, 10, "progress under load")

    def test_goaway_after_every_answer_loses_nothing(self):
        """One instance after the other: a request that both refuse is rightly lost."""
        origins = [self.origin("a"), self.origin("b")]
        weir = self.weir([one.address for one in origins], POLICY)

        def trouble(count):
            self.after(count, 50)
            for origin in origins:
                origin.mode = "drain"
                self.after(count, 100)
                origin.mode = "ok"
                self.after(count, 50)
        self.under_load(weir, trouble)

    def test_rolling_restart_loses_nothing(self):
        origins = [self.origin(name) for name in "abc"]
        weir = self.weir([one.address for one in origins], POLICY)

        def trouble(count):
            for origin in origins * 2:
                self.after(count, 30)
                origin.restart_gently()
                # A new process in the same place: takes new connections, the old ones finish.
                wait_until(lambda: all(connection.last_stream is None or not connection.waiting
                                       for connection in origin.connections()), 5, "the old streams")
        self.under_load(weir, trouble)
        self.assertGreaterEqual(sum(one.made for one in origins), 6)
