"""Promise: a WebSocket goes through whatever the two sides speak."""

import h2_wire
import wire
from h2_mesh import HTTP1, HTTP2, Http2Test, WebSocketOrigin, websocket_accept


class WebSockets(Http2Test):
    """RFC 6455 on one side and RFC 8441 on the other."""

    KEY = "dGhlIHNhbXBsZSBub25jZQ=="

    def echo_over_h2(self, weir):
        with h2_wire.Client(weir.port) as client:
            client.until(lambda: client.peer_settings is not None)
            stream = client.open_raw(h2_wire.block([
                (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                (":authority", "catalog"), (":path", "/chat"), ("sec-websocket-version", "13")]),
                end=False)
            client.until(lambda: client.responses[stream].status)
            self.assertEqual(client.responses[stream].status, 200)
            expected = b""
            for size in (1, 100, 100_000):
                client.write(stream, b"w" * size, end=False)
                expected += b"w" * size
                client.until(lambda: client.responses[stream].body == expected)
            self.assertEqual(client.request("GET", "/").finished, True)  # neighbours live
            client.write(stream, b"")
            self.assertTrue(client.wait(stream).ended)

    def echo_over_h1(self, weir):
        with wire.Client(weir.port) as client:
            answer = client.request("GET", "/chat", {
                "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": self.KEY})
            self.assertEqual((answer.status, answer.header("upgrade")), (101, "websocket"))
            self.assertEqual(answer.header("sec-websocket-accept"), websocket_accept(self.KEY))
            for size in (1, 100, 100_000):
                client.send(b"w" * size)
                self.assertEqual(client.read(size), b"w" * size)

    def server(self):
        server = WebSocketOrigin()
        self.addCleanup(server.stop)
        return server

    def test_http_2_to_http_1(self):
        server = self.server()
        self.echo_over_h2(self.weir([server.address], HTTP1))
        self.assertIn("GET /chat HTTP/1.1", server.heads[0])
        self.assertRegex(server.heads[0], r"(?i)sec-websocket-key: [A-Za-z0-9+/]{22}==")

    def test_http_1_to_http_2(self):
        origin = self.origin()
        self.echo_over_h1(self.weir([origin.address], HTTP2))
        call = origin.calls()[0]
        self.assertEqual((call.header(":method"), call.header(":protocol"), call.path),
                         ("CONNECT", "websocket", "/chat"))
        self.assertIsNone(call.header("sec-websocket-key"))

    def test_http_2_to_http_2_and_http_1_to_http_1(self):
        self.echo_over_h2(self.weir([self.origin().address], HTTP2))
        self.echo_over_h1(self.weir([self.server().address], HTTP1))

    def test_through_two_weirs(self):
        far = self.weir([self.server().address], HTTP1)
        self.echo_over_h1(self.weir([f"127.0.0.1:{far.port}"], HTTP2))

    def test_upstream_that_refuses_is_heard(self):
        with h2_wire.Client(self.weir([self.instance()], HTTP1).port) as client:
            stream = client.open_raw(h2_wire.block([
                (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                (":authority", "catalog"), (":path", "/status/403")]), end=False)
            client.until(lambda: client.responses[stream].status)
            self.assertEqual(client.responses[stream].status, 403)
