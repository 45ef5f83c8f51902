"""Promise: the streams of a connection do not suffer for one another, and end when they should."""

import os
import signal

import h2_wire
import wire
from h2_mesh import HTTP1, HTTP2, MIB, Http2Test
from mesh import Watch
from processes import wait_until

LONG = {"outbound": {"budget": {"default": "600s", "maximum": "600s"}}}


class Streaming(Http2Test):
    """A stream that stalls costs its own window, not its neighbours and not memory."""

    def test_stalled_readers_leave_neighbours_and_memory_alone(self):
        for name, upstream, endpoint in (("h1", HTTP1, self.instance()),
                                         ("h2", HTTP2, self.origin("a").address)):
            with self.subTest(name):
                weir = self.weir([endpoint], upstream, **LONG)
                weir.request()
                before = weir.resident()
                with (Watch(weir.resident) as resident,
                      h2_wire.Client(weir.port, windows="connection") as client):
                    stalled = [client.open(path="/bytes/4000000") for _ in range(24)]
                    client.until(lambda: all(len(client.responses[one].body) == 65535
                                             for one in stalled))
                    for _ in range(50):
                        self.assertEqual(client.request().text, "a")
                    client.send(h2_wire.window_update(stalled[0], 4_000_000))
                    self.assertEqual(len(client.wait(stalled[0]).body), 4_000_000)
                self.assertLess(resident.largest - before, 10 * MIB)

    def test_stalled_upload_leaves_neighbours_alone(self):
        a = self.instance()
        weir = self.weir([a], HTTP1, **LONG)
        a.mode("slow-read/2000")
        with h2_wire.Client(weir.port) as client:
            upload = client.open("PUT", "/", {"content-length": str(2 * MIB)}, end=False)
            client.write(upload, b"u" * MIB, end=False)
            self.assertEqual([client.request().text for _ in range(20)], ["a"] * 20)
            self.assertFalse(client.responses[upload].finished)
            client.write(upload, b"u" * MIB)
            self.assertEqual(client.wait(upload).status, 200)

    def test_large_upload_keeps_memory_flat(self):
        size = int(os.environ.get("WEIR_UPLOAD_MB", "300")) // 3 * MIB
        a = self.instance()
        weir = self.weir([a], HTTP1, **LONG)
        h2_wire.request(weir.port)
        a.mode("slow-read/100000")
        before = weir.resident()
        piece = b"u" * MIB
        with Watch(weir.resident) as resident, h2_wire.Client(weir.port, timeout=60) as client:
            upload = client.open("PUT", "/", {"content-length": str(size)}, end=False)
            for index in range(size // MIB):
                client.write(upload, piece, end=index == size // MIB - 1)
            self.assertEqual(client.wait(upload).status, 200)
        self.assertEqual(a.calls()[-1]["body_size"], size)
        self.assertLess(resident.largest - before, 8 * MIB)

    def test_bodies_arrive_as_they_were(self):
        body = os.urandom(3 * MIB)
        b = self.origin()
        far = self.weir([b.address], HTTP2)
        near = self.weir([f"127.0.0.1:{far.port}"], HTTP2)
        with h2_wire.Client(near.port) as client:
            answer = client.request("POST", "/echo", body=body)
        self.assertEqual(bytes(answer.body), body)
        self.assertEqual(bytes(b.calls()[0].body), body)

    def test_body_begins_before_the_request_has_ended(self):
        """Both directions at once, as gRPC's streaming needs it."""
        origin = self.origin()
        origin.end = lambda connection, call: connection.body(call, b"")

        def begin(connection, call):
            connection.head(call, 200)

        def data(connection, call, event):
            connection.h2.acknowledge_received_data(event.flow_controlled_length, call.stream)
            connection.body(call, event.data, end=False)
        origin.begin, origin.data = begin, data
        weir = self.weir([origin.address], HTTP2)
        with h2_wire.Client(weir.port) as client:
            stream = client.open("POST", "/", end=False)
            for count in range(1, 6):
                client.write(stream, b"ping", end=False)
                client.until(lambda: len(client.responses[stream].body) == 4 * count)
            client.write(stream, b"")
            self.assertEqual(client.wait(stream).text, "ping" * 5)


class Cancellation(Http2Test):
    """Who has gone is not worked for; who has not, does not notice."""

    def stalled(self, weir, calls, method="GET"):
        """A client with a request that is not answered."""
        client = h2_wire.Client(weir.port)
        self.addCleanup(client.socket.close)
        stream = client.open(method, "/slow/20000", {"weir-budget-ms": "20000"})
        wait_until(lambda: any(self.target(call) == "/slow/20000" for call in calls()), what="the call")
        return client, stream

    def target(self, call):
        return call["target"] if isinstance(call, dict) else call.path

    def test_reset_by_the_caller_becomes_a_reset_upstream(self):
        origin = self.origin()
        weir = self.weir([origin.address], HTTP2)
        client, stream = self.stalled(weir, origin.calls)
        neighbour = client.open(path="/slow/20001")
        origin.wait_for_calls(2)
        client.send(h2_wire.reset_frame(stream))
        wait_until(lambda: origin.calls()[0].stopped(), what="the reset")
        self.assertEqual(origin.calls()[0].reset, h2_wire.CANCEL)
        self.assertFalse(origin.calls()[1].stopped())
        self.assertFalse(client.responses[neighbour].finished)
        self.assertEqual(client.request().text, "h2")
        self.assertEqual(origin.made, 1)

    def test_reset_by_the_caller_closes_http_1(self):
        a = self.instance()
        weir = self.weir([a], HTTP1)
        client, stream = self.stalled(weir, a.calls)
        client.send(h2_wire.reset_frame(stream))
        wait_until(lambda: a.calls()[0].get("answered") is False, what="the call to be cancelled")
        self.assertEqual(client.request().text, "a")

    def test_caller_that_leaves_over_http_2(self):
        origin = self.origin()
        client, _ = self.stalled(self.weir([origin.address], HTTP2), origin.calls)
        client.socket.close()
        wait_until(lambda: origin.calls()[0].stopped(), what="the reset")
        self.assertEqual(origin.calls()[0].reset, h2_wire.CANCEL)

    def test_caller_that_leaves_over_http_1(self):
        origin = self.origin()
        weir = self.weir([origin.address], HTTP2)
        with wire.Client(weir.port) as client:
            client.send("GET /slow/20000 HTTP/1.1\r\nHost: catalog\r\nweir-budget-ms: 20000\r\n\r\n")
            origin.wait_for_calls(1)
        wait_until(lambda: origin.calls()[0].reset == h2_wire.CANCEL, what="the reset")

    def test_post_of_a_caller_who_has_gone_is_finished(self):
        origin = self.origin()
        weir = self.weir([origin.address], HTTP2)
        client, stream = self.stalled(weir, origin.calls, "POST")
        client.send(h2_wire.reset_frame(stream))
        client.settled()
        self.assertEqual(client.request().text, "h2")
        self.assertFalse(origin.calls()[0].stopped())

    def test_deadline_resets_the_stream_and_nothing_else(self):
        origin = self.origin()
        weir = self.weir([origin.address], HTTP2)
        with h2_wire.Client(weir.port) as client:
            slow = client.open(path="/slow/20000", headers={"weir-budget-ms": "20000"})
            answer = client.request(path="/slow/20001", headers={"weir-budget-ms": "100"})
            self.assertEqual(answer.status, 504)
            late = next(call for call in origin.calls() if call.path == "/slow/20001")
            wait_until(lambda: late.reset == h2_wire.CANCEL, what="the reset")
            self.assertEqual(client.request().text, "h2")
            self.assertFalse(client.responses[slow].finished)
        self.assertEqual(origin.made, 1)

    def test_deadline_through_two_weirs_reaches_the_last(self):
        origin = self.origin()
        far = self.weir([origin.address], HTTP2)
        near = self.weir([f"127.0.0.1:{far.port}"], HTTP2)
        answer = h2_wire.request(near.port, path="/slow/1", headers={"weir-budget-ms": "150"})
        self.assertEqual(answer.status, 504)
        wait_until(lambda: origin.calls()[0].reset == h2_wire.CANCEL, what="the reset")
        self.assertLessEqual(int(origin.calls()[0].header("weir-budget-ms")), 150)

    def test_response_that_is_cut_is_reset_downstream(self):
        a = self.instance()
        weir = self.weir([a], HTTP1, {"budget": "5s"})
        a.mode("reset")
        with h2_wire.Client(weir.port) as client:
            answer = client.request()
            self.assertNotEqual(answer.reset, None)
            self.assertFalse(answer.ended)
            a.mode("ok")
            self.assertEqual(client.request().text, "a")

    def test_drain_says_goaway_and_finishes(self):
        a = self.instance()
        weir = self.weir([a], HTTP1)
        with h2_wire.Client(weir.port) as client:
            self.assertEqual(client.request().text, "a")
            slow = client.open(path="/slow/300")
            wait_until(lambda: a.count() == 2, what="the call")
            weir.process.signal(signal.SIGTERM)
            self.assertEqual(client.wait(slow).status, 200)
            client.until_closed()
            self.assertEqual(client.goaway[1], h2_wire.NO_ERROR)
        self.assertEqual(weir.process.wait(), 0)
