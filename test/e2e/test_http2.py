"""Promise: HTTP/2 and HTTP/1.1 say the same thing, in every combination of the two sides."""

import json
import re

import h2_wire
import wire
from h2_mesh import HTTP1, HTTP2, Http2Test


class Combinations(Http2Test):
    """The same questions through each of the four, and through two weirs in a row."""

    def ways(self):
        """(name, port of the proxy, curl's word for the version) of everything that is tried."""
        a, b = self.instance("a"), self.origin("a")
        for name, upstream in (("h1 up", self.weir([a], HTTP1)), ("h2 up", self.weir([b.address], HTTP2)),
                               ("two weirs", self.in_a_row([b.address])),
                               ("nghttpx up", self.weir([f"127.0.0.1:{self.nghttpx(a.port)}"], HTTP2))):
            for version in ("--http1.1", "--http2-prior-knowledge"):
                yield f"{version}, {name}", upstream.port, version

    def in_a_row(self, endpoints):
        far = self.weir(endpoints, HTTP2)
        return self.weir([f"127.0.0.1:{far.port}"], HTTP2)

    def each(self):
        for name, port, version in self.ways():
            with self.subTest(name):
                yield port, version

    def test_curl_asks_everything(self):
        body = "in pieces " * 2000
        for port, version in self.each():
            def curl(target, *arguments):
                return self.curl(port, target, *arguments, version=version)
            self.assertEqual(curl("/"), "a")
            self.assertEqual(curl("/echo", "-d", body), body)
            self.assertEqual(curl("/echo", "-T", "/dev/null", "-H", "Expect:"), "")
            self.assertEqual(len(curl("/bytes/3000000")), 3_000_000)
            self.assertEqual(curl("/status/404", "-o", "/dev/null", "-w", "%{http_code}"), "404")
            head = curl("/", "-I")
            self.assertRegex(head, r"(?i)content-length: 1234")
            number = "2" if version != "--http1.1" else "1.1"
            self.assertEqual(curl("/", "-o", "/dev/null", "-w", "%{http_version}"), number)

    def test_trailers_and_interim_responses_cross(self):
        for port, version in self.each():
            ask = wire.request if version == "--http1.1" else h2_wire.request
            answer = ask(port, "GET", "/chunked/2500")
            self.assertEqual((answer.status, len(answer.body)), (200, 2500))
            self.assertEqual(answer.trailers, [("x-trailer", "last")])
            early = ask(port, "GET", "/early")
            self.assertEqual((early.status, self.interim(early)), (200, [(103, "</a.css>")]))

    def interim(self, response):
        """[(status, link)] of either client's response."""
        pairs = [(one.status, one.fields) if isinstance(one, wire.Response) else one
                 for one in response.interim]
        return [(status, dict(fields).get("link")) for status, fields in pairs]

    def test_trailers_go_up(self):
        for port, version in self.each():
            if version == "--http1.1":
                with wire.Client(port) as client:
                    client.send("POST /echo HTTP/1.1\r\nHost: catalog\r\nTransfer-Encoding: chunked"
                                "\r\nTrailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n")
                    answer = client.read_response()
            else:
                with h2_wire.Client(port) as client:
                    answer = client.request("POST", "/echo", body=b"abc", trailers=[("x-sum", "7")])
            self.assertEqual((answer.text, answer.trailers), ("abc", [("x-sum", "7")]))

    def test_statuses_and_heads_leave_the_connection_in_step(self):
        for port, version in self.each():
            client = wire.Client(port) if version == "--http1.1" else h2_wire.Client(port)
            with client:
                for status in (204, 304, 200, 404, 500):
                    self.assertEqual(client.request("GET", f"/status/{status}").status, status)
                head = client.request("HEAD")
                self.assertEqual((head.header("content-length"), bytes(head.body)), ("1234", b""))
                self.assertEqual(client.request().text, "a")


class Programs(Http2Test):
    """nghttp and h2load, which people use to look at such servers."""

    def test_nghttp(self):
        weir = self.weir([self.instance()])
        self.assertEqual(self.nghttp(weir.port), "a")
        self.assertEqual(len(self.nghttp(weir.port, "/bytes/1000000")), 1_000_000)
        shown = self.nghttp(weir.port, "/chunked/10", "-v", "-n", "--no-dep")
        self.assertIn("x-trailer: last", re.sub(r"\x1b\[[0-9;]*m", "", shown))

    def test_h2load_loses_nothing_in_any_combination(self):
        a = self.instance()
        inner = self.nghttpx(a.port)
        for name, upstream in (("h1", self.weir([a], HTTP1)),
                               ("h2", self.weir([f"127.0.0.1:{inner}"], HTTP2))):
            far = self.weir([f"127.0.0.1:{upstream.port}"], HTTP2)
            for more in ((), ("--h1", "-m1")):
                for port in (upstream.port, far.port):
                    with self.subTest(name, more=more, two=port == far.port):
                        said = self.h2load(port, "-n2000", "-c8", "-m16", *more)
                        self.assertIn("2000 succeeded, 0 failed, 0 errored", said)

    def test_h2load_uploads(self):
        file = f"{self.directory}/upload"
        with open(file, "wb") as output:
            output.write(b"u" * 200_000)
        weir = self.weir([self.instance()])
        said = self.h2load(weir.port, "-n200", "-c4", "-m8", "-d", file, target="/echo")
        self.assertIn("200 succeeded, 0 failed, 0 errored", said)

    def test_streams_share_few_connections_upstream(self):
        origin = self.origin()
        weir = self.weir([origin.address], HTTP2)
        self.h2load(weir.port, "-n500", "-c8", "-m8")
        self.assertEqual(origin.count(), 500)
        self.assertLessEqual(origin.made, 2)

    def test_limit_of_the_upstream_on_streams_is_kept(self):
        """python3-h2 calls one stream too many an error, which fails the test."""
        origin = self.origin(streams=4)
        weir = self.weir([origin.address], HTTP2)
        self.assertIn("200 succeeded, 0 failed", self.h2load(weir.port, "-n200", "-c4", "-m8"))

    def test_limit_of_the_listener_on_streams_is_told(self):
        weir = self.weir([self.instance()], outbound={"limits": {"streams": 7}})
        with h2_wire.Client(weir.port) as client:
            client.until(lambda: client.peer_settings is not None)
            self.assertEqual(client.peer_settings[h2_wire.MAX_CONCURRENT_STREAMS], 7)
            self.assertEqual(client.peer_settings.get(h2_wire.ENABLE_CONNECT_PROTOCOL), 1)

    def test_only_connections_of_the_version_that_was_asked_for(self):
        """`auto` speaks HTTP/2 for gRPC alone."""
        origin = self.origin()
        weir = self.weir([origin.address], {"failover": "off"})
        grpc = {"content-type": "application/grpc", "te": "trailers"}
        with h2_wire.Client(weir.port) as client:
            self.assertEqual(client.request("POST", "/echo", grpc, b"\0" * 5).text, "\0" * 5)
        self.assertEqual(origin.calls()[0].header("te"), "trailers")
        instance = self.instance()
        self.assertEqual(h2_wire.request(self.weir([instance]).port).text, "a")


class Fields(Http2Test):
    """What the next hop is told."""

    def test_authority_and_host_become_each_other(self):
        a, b = self.instance(), self.origin()
        one, other = self.weir([a], HTTP1), self.weir([b.address], HTTP2)
        h2_wire.request(one.port, path="/x?y=1")
        wire.request(other.port, "GET", "/x?y=1")
        self.assertEqual((a.calls()[0]["fields"]["host"], a.calls()[0]["target"]), ("catalog", "/x?y=1"))
        call = b.calls()[0]
        self.assertEqual((call.header(":authority"), call.path, call.header(":scheme"),
                          call.header("host")), ("catalog", "/x?y=1", "http", None))

    def test_hop_by_hop_fields_of_http_1_stay_here(self):
        origin = self.origin()
        weir = self.weir([origin.address], HTTP2)
        answer = wire.request(weir.port, "GET", "/", {
            "Connection": "keep-alive, x-mine", "x-mine": "1", "Keep-Alive": "timeout=9",
            "TE": "trailers, deflate", "Proxy-Connection": "keep-alive", "X-Other": "2"})
        self.assertEqual(answer.status, 200)
        call = origin.calls()[0]
        for name in ("connection", "x-mine", "keep-alive", "proxy-connection", "upgrade"):
            self.assertIsNone(call.header(name))
        self.assertIn(call.header("te"), (None, "trailers"))
        self.assertEqual(call.header("x-other"), "2")

    def test_cookie_crumbs_are_joined_for_http_1(self):
        a = self.instance()
        weir = self.weir([a], HTTP1)
        h2_wire.request(weir.port, headers=[("cookie", "a=1"), ("cookie", "b=2")])
        self.assertEqual(a.calls()[0]["fields"]["cookie"], "a=1; b=2")

    def test_http_2_responses_carry_no_connection_fields(self):
        weir = self.weir([self.instance()], HTTP1)
        answer = h2_wire.request(weir.port, path="/hop")
        self.assertEqual(answer.status, 200)
        for name in ("connection", "keep-alive", "x-private", "transfer-encoding", "proxy-authenticate"):
            self.assertIsNone(answer.header(name))

    def test_log_tells_the_version(self):
        weir = self.weir([self.instance()])
        h2_wire.request(weir.port, path="/logged")
        line = json.loads(weir.log()[0])
        self.assertIn("/logged", json.dumps(line))
