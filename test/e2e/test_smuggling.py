"""Promise: what two parsers could read differently is refused and never forwarded."""

from mesh import MeshTest
from wire import Client

HOST = "Host: catalog\r\n"
CHUNKED = "POST / HTTP/1.1\r\nHost: catalog\r\nTransfer-Encoding: chunked\r\n\r\n"

# name, the bytes sent; each must be answered 400 and the connection closed.
REFUSED = [
    ("both lengths", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("two equal lengths", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab"),
    ("two lengths", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
    ("list of lengths", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 2, 2\r\n\r\nab"),
    ("signed length", f"POST / HTTP/1.1\r\n{HOST}Content-Length: +2\r\n\r\nab"),
    ("negative length", f"POST / HTTP/1.1\r\n{HOST}Content-Length: -1\r\n\r\n"),
    ("hexadecimal length", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 0x2\r\n\r\nab"),
    ("empty length", f"POST / HTTP/1.1\r\n{HOST}Content-Length:\r\n\r\n"),
    ("length beyond 64 bits", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 18446744073709551617\r\n\r\na"),
    ("chunked is not last", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    ("unknown coding", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("chunked twice", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("coding with a vertical tab", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    ("chunked in HTTP/1.0", f"POST / HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("bare LF", f"GET / HTTP/1.1\n{HOST}\r\n"),
    ("bare LF after a field", "GET / HTTP/1.1\r\nHost: catalog\nx: y\r\n\r\n"),
    ("bare CR in a value", f"GET / HTTP/1.1\r\n{HOST}x: a\rb\r\n\r\n"),
    ("NUL in a value", f"GET / HTTP/1.1\r\n{HOST}x: a\0b\r\n\r\n"),
    ("folded line", f"GET / HTTP/1.1\r\n{HOST}x: a\r\n b\r\n\r\n"),
    ("folded first line", f"GET / HTTP/1.1\r\n {HOST}\r\n"),
    ("space before the colon", f"POST / HTTP/1.1\r\n{HOST}Content-Length : 2\r\n\r\nab"),
    ("no colon", f"GET / HTTP/1.1\r\n{HOST}nonsense\r\n\r\n"),
    ("empty name", f"GET / HTTP/1.1\r\n{HOST}: x\r\n\r\n"),
    ("byte above ASCII in a name", b"GET / HTTP/1.1\r\nHost: catalog\r\nx\xff: y\r\n\r\n"),
    ("no Host", "GET / HTTP/1.1\r\nx: y\r\n\r\n"),
    ("two Hosts", f"GET / HTTP/1.1\r\n{HOST}{HOST}\r\n"),
    ("Host with a list", "GET / HTTP/1.1\r\nHost: catalog, other\r\n\r\n"),
    ("Host with user", "GET / HTTP/1.1\r\nHost: a@catalog\r\n\r\n"),
    ("Host with a space", "GET / HTTP/1.1\r\nHost: cata log\r\n\r\n"),
    ("space in the target", f"GET /a b HTTP/1.1\r\n{HOST}\r\n"),
    ("control byte in the target", f"GET /a\x01 HTTP/1.1\r\n{HOST}\r\n"),
    ("byte above ASCII in the target", b"GET /\xe9 HTTP/1.1\r\nHost: catalog\r\n\r\n"),
    ("fragment in the target", f"GET /a#b HTTP/1.1\r\n{HOST}\r\n"),
    ("relative target", f"GET a HTTP/1.1\r\n{HOST}\r\n"),
    ("two spaces", f"GET  / HTTP/1.1\r\n{HOST}\r\n"),
    ("tab for space", f"GET\t/ HTTP/1.1\r\n{HOST}\r\n"),
    ("no version", f"GET /\r\n{HOST}\r\n"),
    ("version 1.2x", f"GET / HTTP/1.2x\r\n{HOST}\r\n"),
    ("lower-case version", f"GET / http/1.1\r\n{HOST}\r\n"),
    ("odd method", f"G(T / HTTP/1.1\r\n{HOST}\r\n"),
    ("chunk size with 0x", CHUNKED + "0x2\r\nab\r\n0\r\n\r\n"),
    ("chunk size with a sign", CHUNKED + "+2\r\nab\r\n0\r\n\r\n"),
    ("chunk size with a space", CHUNKED + "2 \r\nab\r\n0\r\n\r\n"),
    ("empty chunk size", CHUNKED + "\r\nab\r\n0\r\n\r\n"),
    ("chunk size beyond 64 bits", CHUNKED + "10000000000000002\r\nab\r\n0\r\n\r\n"),
    ("chunk ended by LF", CHUNKED + "2\nab\r\n0\r\n\r\n"),
    ("chunk longer than it says", CHUNKED + "2\r\nabcd\r\n0\r\n\r\n"),
    ("LF in an extension", CHUNKED + "2;a\nb\r\nab\r\n0\r\n\r\n"),
    ("length in a trailer", CHUNKED + "0\r\nContent-Length: 5\r\n\r\n"),
]

# Follows each of them, and must not be taken for a request of its own.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: catalog\r\n\r\n"


class Smuggling(MeshTest):
    def test_every_ambiguity_is_refused_and_the_connection_closed(self):
        a = self.instance()
        weir = self.weir([a])
        for name, data in REFUSED:
            with self.subTest(name), Client(weir.port, timeout=3) as client:
                first = data if isinstance(data, bytes) else data.encode("latin-1")
                client.send(first + SMUGGLED)
                self.assertEqual(client.read_response().status, 400)
                self.assertTrue(client.closed())
        # The head before a bad chunk may have gone up, but no request was ever completed there.
        self.assertEqual(a.calls(), [])
        weir.expect_metric(len(REFUSED), "weir_malformed_requests_total")

    def test_harmless_oddities_are_served(self):
        a = self.instance()
        weir = self.weir([a])
        served = [
            ("empty line before a request", f"\r\nGET / HTTP/1.1\r\n{HOST}\r\n"),
            ("no space after the colon", "GET / HTTP/1.1\r\nHost:catalog\r\n\r\n"),
            ("byte above ASCII in a value", b"GET / HTTP/1.1\r\nHost: catalog\r\nx: \xe9\r\n\r\n"),
            ("upper-case hexadecimal", CHUNKED + "A\r\n0123456789\r\n0\r\n\r\n"),
            ("Host with a port", "GET / HTTP/1.1\r\nHost: catalog:80\r\n\r\n"),
        ]
        for name, data in served:
            with self.subTest(name), Client(weir.port, timeout=3) as client:
                client.send(data)
                self.assertEqual(client.read_response().status, 200)

    def test_requests_do_not_hide_in_an_upgrade_to_http_itself(self):
        a = self.instance()  # it would change to any protocol that it is asked for
        weir = self.weir([a])
        for protocol in ("h2c", "HTTP/2.0", "h2c, TLS/1.2"):
            with self.subTest(protocol), Client(weir.port, timeout=3) as client:
                client.send(f"GET /upgrade HTTP/1.1\r\n{HOST}Connection: Upgrade, HTTP2-Settings\r\n"
                            f"Upgrade: {protocol}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n")
                self.assertEqual(client.read_response().status, 502)
        for call in a.calls():
            self.assertFalse({"upgrade", "http2-settings"} & set(call["fields"]), call)

    def test_limits_have_their_own_statuses(self):
        weir = self.weir([self.instance()])
        too_large = [
            ("long target", f"GET /{'a' * 20_000} HTTP/1.1\r\n{HOST}\r\n", (414,)),
            ("long head", f"GET / HTTP/1.1\r\n{HOST}x: {'a' * 70_000}\r\n\r\n", (431,)),
            ("many fields", f"GET / HTTP/1.1\r\n{HOST}" + "x: y\r\n" * 500 + "\r\n", (431,)),
        ]
        for name, data, statuses in too_large:
            with self.subTest(name), Client(weir.port, timeout=3) as client:
                client.send(data)
                self.assertIn(client.read_response().status, statuses)

    def test_slow_head_is_cut_off(self):
        weir = self.weir([self.instance()], outbound={"limits": {"header_timeout": "200ms"}})
        with Client(weir.port, timeout=5) as client:
            client.send("GET / HTTP/1.1\r\nHost: cat")
            self.assertEqual(client.read_response().status, 408)
            self.assertTrue(client.closed())
