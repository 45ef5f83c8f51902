"""Promise: what RFC 9113 calls malformed is refused, and nothing of it reaches HTTP/1.1."""

from h2_mesh import HTTP1, HTTP2, Http2Test
from h2_wire import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Client, block, frame,
                     request_fields)

GOOD = request_fields()


def without(name):
    return [pair for pair in GOOD if pair[0] != name]


def with_pseudo(name, value):
    return [(key, value if key == name else old) for key, old in GOOD]


def get(*more):
    return request_fields(more=more)


def post(*more):
    return request_fields("POST", more=more)


# name, fields, DATA that follows (None: the head ends the stream), trailers.
MALFORMED = [
    ("CR in a value", get(("x", "a\rb")), None),
    ("LF in a value", get(("x", "a\nb")), None),
    ("CR LF in a value", get(("x", "a\r\nhost: other")), None),
    ("a request in a value", get(("x", "a\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: catalog\r\n")), None),
    ("NUL in a value", get(("x", "a\0b")), None),
    ("space before a value", get(("x", " a")), None),
    ("tab after a value", get(("x", "a\t")), None),
    ("upper case in a name", get(("X-Upper", "a")), None),
    ("space in a name", get(("x y", "a")), None),
    ("colon in a name", get(("x:y", "a")), None),
    ("CR LF in a name", get(("x: a\r\nhost", "other")), None),
    ("NUL in a name", get(("x\0", "a")), None),
    ("byte above ASCII in a name", get(("x\xff", "a")), None),
    ("empty name", get(("", "a")), None),
    ("connection", get(("connection", "close")), None),
    ("keep-alive", get(("keep-alive", "timeout=5")), None),
    ("proxy-connection", get(("proxy-connection", "keep-alive")), None),
    ("upgrade", get(("upgrade", "websocket")), None),
    ("transfer-encoding", post(("transfer-encoding", "chunked")), b"0\r\n\r\n"),
    ("transfer-encoding with a length", post(("transfer-encoding", "chunked"),
                                             ("content-length", "5")), b"0\r\n\r\n"),
    ("te beyond trailers", get(("te", "gzip")), None),
    ("te of both", get(("te", "trailers, gzip")), None),
    ("two lengths", post(("content-length", "2"), ("content-length", "3")), b"ab"),
    ("list of lengths", post(("content-length", "2, 3")), b"ab"),
    ("signed length", post(("content-length", "+2")), b"ab"),
    ("negative length", post(("content-length", "-1")), b""),
    ("hexadecimal length", post(("content-length", "0x2")), b"ab"),
    ("empty length", post(("content-length", "")), b"ab"),
    ("length beyond 64 bits", post(("content-length", "18446744073709551618")), b"ab"),
    ("length without a body", post(("content-length", "5")), None),
    ("length above DATA", post(("content-length", "5")), b"abc"),
    ("length below DATA", post(("content-length", "2")), b"abc"),
    ("length below DATA that is a request", post(("content-length", "1")),
     b"aGET /smuggled HTTP/1.1\r\nhost: catalog\r\n\r\n"),
    ("host that differs", get(("host", "other")), None),
    ("two hosts", get(("host", "catalog"), ("host", "catalog")), None),
    ("no method", without(":method"), None),
    ("no scheme", without(":scheme"), None),
    ("no path", without(":path"), None),
    ("no authority and no host", without(":authority"), None),
    ("two paths", GOOD + [(":path", "/b")], None),
    ("unknown pseudo field", GOOD[:3] + [(":odd", "a")] + GOOD[3:], None),
    ("pseudo field of responses", GOOD + [(":status", "200")], None),
    ("pseudo field after a field", GOOD[:3] + [("x", "a")] + GOOD[3:], None),
    ("protocol without CONNECT", GOOD + [(":protocol", "websocket")], None),
    ("empty path", with_pseudo(":path", ""), None),
    ("relative path", with_pseudo(":path", "a"), None),
    ("asterisk with GET", with_pseudo(":path", "*"), None),
    ("space in the path", with_pseudo(":path", "/a HTTP/1.1"), None),
    ("CR LF in the path", with_pseudo(":path", "/a HTTP/1.1\r\nx: y"), None),
    ("NUL in the path", with_pseudo(":path", "/a\0"), None),
    ("fragment in the path", with_pseudo(":path", "/a#b"), None),
    ("byte above ASCII in the path", with_pseudo(":path", "/\xe9"), None),
    ("absolute path", with_pseudo(":path", "http://other/"), None),
    ("a request as the method", with_pseudo(":method", "GET / HTTP/1.1\r\nhost: catalog\r\n\r\nGET"), None),
    ("space in the method", with_pseudo(":method", "GET /"), None),
    ("empty method", with_pseudo(":method", ""), None),
    ("CR LF in the authority", with_pseudo(":authority", "catalog\r\nx: y"), None),
    ("user in the authority", with_pseudo(":authority", "a@catalog"), None),
    ("space in the authority", with_pseudo(":authority", "catalog x"), None),
    ("empty authority", with_pseudo(":authority", ""), None),
    ("CR LF in the scheme", with_pseudo(":scheme", "http\r\nx: y"), None),
    ("CONNECT with a path", with_pseudo(":method", "CONNECT"), None),
    ("pseudo field in trailers", post(), b"ab", [(":path", "/b")]),
    ("CR LF in a trailer", post(), b"ab", [("x", "a\r\n\r\nGET /smuggled HTTP/1.1\r\n")]),
    ("upper case in a trailer", post(), b"ab", [("X", "a")]),
    ("transfer-encoding in a trailer", post(), b"ab", [("transfer-encoding", "chunked")]),
]


class Malformed(Http2Test):
    def play(self, client, fields, data, trailers=None):
        """Sends it; returns the response, which is finished."""
        stream = client.open_raw(block(fields), end=data is None and trailers is None)
        if data is not None:
            client.send(frame(DATA, 0 if trailers else END_STREAM, stream, data))
        if trailers:
            client.send_fields(stream, trailers)
        client.settled()
        return client.wait(stream)

    def refuse_all(self, weir, calls):
        for name, *case in MALFORMED:
            with self.subTest(name), Client(weir.port, timeout=5) as client:
                answer = self.play(client, *case)
                self.assertTrue(answer.reset is not None or 400 <= answer.status < 500,
                                (answer.status, answer.fields))
                # A stream error: its neighbours live, and HPACK is in step.
                good = client.request(path="/good")
                self.assertEqual((good.status, client.goaway), (200, None))
        wrong = [call for call in calls() if self.target(call) != "/good"]
        self.assertEqual(wrong, [])

    def target(self, call):
        return call["target"] if isinstance(call, dict) else call.path

    def test_nothing_malformed_reaches_http_1(self):
        a = self.instance()
        weir = self.weir([a], HTTP1)
        self.refuse_all(weir, a.calls)
        # CONNECT to nowhere may be a refusal of its own.
        self.assertGreaterEqual(weir.metric("weir_malformed_requests_total"), len(MALFORMED) - 2)

    def test_nothing_malformed_ends_a_request_over_http_2(self):
        origin = self.origin()
        self.refuse_all(self.weir([origin.address], HTTP2),
                        lambda: [call for call in origin.calls() if call.ended])

    def test_harmless_oddities_are_served(self):
        a = self.instance()
        weir = self.weir([a], HTTP1)
        served = [
            ("host that agrees", get(("host", "catalog")), None),
            ("host alone", without(":authority") + [("host", "catalog")], None),
            ("te: trailers", get(("te", "trailers")), None),
            ("byte above ASCII in a value", get(("x", "\xe9")), None),
            ("empty value", get(("x", "")), None),
            ("length that agrees", post(("content-length", "2")), b"ab"),
            ("length of nothing", post(("content-length", "0")), None),
            ("a body with GET", get(), b"ab"),
            ("trailers", post(), b"ab", [("x-sum", "7")]),
            ("trailers after no body", post(), None, [("x-sum", "7")]),
            ("scheme of https", with_pseudo(":scheme", "https"), None),
        ]
        for name, *case in served:
            with self.subTest(name), Client(weir.port, timeout=5) as client:
                self.assertEqual(self.play(client, *case).status, 200)
        self.assertEqual(a.count(), len(served))

    def test_head_over_the_limits_is_refused_and_the_connection_stays(self):
        a = self.instance()
        weir = self.weir([a], HTTP1)
        too_large = [("long path", with_pseudo(":path", "/" + "a" * 10_000)),
                     ("many fields", get(*[("x", "y")] * 500))]
        for name, fields in too_large:
            with self.subTest(name), Client(weir.port, timeout=5) as client:
                answer = self.play(client, fields, None)
                self.assertTrue(answer.reset is not None or answer.status in (414, 431))
                self.assertEqual(client.request(path="/good").status, 200)
        self.assertEqual({call["target"] for call in a.calls()}, {"/good"})

    def test_broken_frames_end_the_connection_and_no_other(self):
        """Connection errors (RFC 9113, 5.4.1)."""
        a = self.instance()
        weir = self.weir([a], HTTP1)
        head = block(GOOD)
        broken = [
            ("DATA on stream 0", frame(DATA, 0, 0, b"a")),
            ("HEADERS on stream 0", frame(HEADERS, END_HEADERS, 0, head)),
            ("HEADERS on an even stream", frame(HEADERS, END_HEADERS | END_STREAM, 2, head)),
            ("a block that is not HPACK", frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff" * 20)),
            ("CONTINUATION alone", frame(9, END_HEADERS, 1, head)),
            ("HEADERS cut by DATA", frame(HEADERS, 0, 1, head) + frame(DATA, 0, 1, b"a")),
            ("SETTINGS of five bytes", frame(4, 0, 0, b"12345")),
            ("SETTINGS on a stream", frame(4, 0, 1, b"")),
            ("PING of seven bytes", frame(6, 0, 0, b"1234567")),
            ("window beyond 2^31", frame(8, 0, 0, b"\x7f\xff\xff\xff") * 2),
            ("a push of the client", frame(5, END_HEADERS, 1, b"\0\0\0\2" + head)),
            ("a frame above the limit", frame(DATA, 0, 1, b"a" * 20_000)),
            ("padding longer than the frame", frame(HEADERS, END_HEADERS | 8, 1, b"\xff" + head)),
        ]
        with Client(weir.port) as neighbour:
            for name, data in broken:
                with self.subTest(name), Client(weir.port, timeout=5) as client:
                    client.send(data + frame(HEADERS, END_HEADERS | END_STREAM, 9, head))
                    self.assertGreater(client.until_closed(), 0)
                    self.assertEqual(neighbour.request(path="/good").status, 200)
        self.assertEqual({call["target"] for call in a.calls()}, {"/good"})

    def test_half_a_preface_is_no_request(self):
        a = self.instance()
        weir = self.weir([a], outbound={"limits": {"header_timeout": "200ms"}})
        for name, data in (("cut", b"PRI * HTTP/2.0\r\n\r\n"),
                           ("wrong", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"),
                           ("no SETTINGS", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(GOAWAY, 0, 0, b"\0" * 8)),
                           ("HTTP/1", b"PRI / HTTP/1.1\r\nHost: catalog\r\nConnection: close\r\n\r\n")):
            with self.subTest(name), Client(weir.port, preface=False, timeout=5) as client:
                client.send(data)
                client.feed = lambda data: None
                client.until_closed()
        self.assertEqual([call for call in a.calls() if call["method"] == "PRI"
                          and call["target"] == "*"], [])
