"""Promise: what HTTP/1.1 says goes through, streamed, and nothing else."""

import os
import subprocess

from mesh import MeshTest, Watch
from processes import wait_until
from wire import Client

MIB = 1024 * 1024


class Proxying(MeshTest):
    def setUp(self):
        super().setUp()
        self.a = self.instance()
        self.proxy = self.weir([self.a])

    def curl(self, target, *arguments):
        command = ["curl", "-sS", "--max-time", "20", "-H", "Host: catalog", *arguments,
                   f"http://127.0.0.1:{self.proxy.port}{target}"]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_curl_gets_a_page(self):
        self.assertEqual(self.curl("/"), "a")

    def test_curl_posts_a_form(self):
        self.assertEqual(self.curl("/echo", "-d", "q=weir"), "q=weir")

    def test_curl_uploads_in_chunks(self):
        self.assertEqual(self.curl("/echo", "-H", "Transfer-Encoding: chunked", "-d", "in pieces"),
                         "in pieces")

    def test_curl_is_told_to_continue(self):
        self.assertEqual(self.curl("/echo", "-H", "Expect: 100-continue", "-d", "x" * 2000), "x" * 2000)

    def test_curl_reads_a_large_answer(self):
        self.assertEqual(len(self.curl("/bytes/5000000")), 5_000_000)

    def test_application_as_http_proxy(self):
        """The request target is in absolute form then."""
        command = ["curl", "-sS", "-x", f"http://127.0.0.1:{self.proxy.port}", "http://catalog/x?y=1"]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.stdout, "a", done.stderr)
        self.assertEqual(self.a.calls()[0]["target"], "/x?y=1")

    def test_head_has_a_length_and_no_body(self):
        with Client(self.proxy.port) as client:
            response = client.request("HEAD")
            self.assertEqual((response.status, response.header("content-length")), (200, "1234"))
            self.assertEqual(client.request().text, "a")  # the connection is still in step

    def test_statuses_without_a_body_keep_the_connection_in_step(self):
        with Client(self.proxy.port) as client:
            for status in (204, 304, 200, 404, 500):
                self.assertEqual(client.request(target=f"/status/{status}").status, status)

    def test_trailers_come_back(self):
        response = self.proxy.request(target="/chunked/2500")
        self.assertEqual(response.body, b"c" * 2500)
        self.assertEqual(response.trailers, [("x-trailer", "last")])

    def test_trailers_go_up(self):
        with Client(self.proxy.port) as client:
            client.send("POST /echo HTTP/1.1\r\nHost: catalog\r\nTransfer-Encoding: chunked\r\n"
                        "Trailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n")
            response = client.read_response()
        self.assertEqual(response.text, "abc")
        self.assertEqual(response.trailers, [("x-sum", "7")])

    def test_interim_responses_go_on(self):
        response = self.proxy.request(target="/early")
        self.assertEqual([one.status for one in response.interim], [103])
        self.assertEqual(response.interim[0].header("link"), "</a.css>")
        self.assertEqual(response.text, "a")

    def test_body_that_ends_with_the_connection(self):
        self.assertEqual(self.proxy.request(target="/until-close").body, b"until the end")

    def test_cut_body_is_not_passed_off_as_complete(self):
        self.a.mode("reset")
        with self.assertRaises(Exception):
            self.proxy.request()

    def test_connections_are_kept_on_both_sides(self):
        with Client(self.proxy.port) as client:
            for _ in range(20):
                self.assertEqual(client.request().text, "a")
        self.assertEqual(len({call["connection"] for call in self.a.calls()}), 1)

    def test_pipelined_requests_are_answered_in_order(self):
        with Client(self.proxy.port) as client:
            client.send("".join(f"GET /bytes/{size} HTTP/1.1\r\nHost: catalog\r\n\r\n"
                                for size in range(1, 21)))
            self.assertEqual([len(client.read_response().body) for _ in range(20)],
                             list(range(1, 21)))

    def test_connection_close_is_honoured(self):
        with Client(self.proxy.port) as client:
            self.assertEqual(client.request(headers={"Connection": "close"}).text, "a")
            self.assertTrue(client.closed())

    def test_http_1_0_closes(self):
        with Client(self.proxy.port) as client:
            client.send("GET / HTTP/1.0\r\nHost: catalog\r\n\r\n")
            self.assertEqual(client.read_response().status, 200)
            self.assertTrue(client.closed())

    def test_hop_by_hop_fields_stay_here(self):
        response = self.proxy.request(target="/hop", headers={
            "Connection": "keep-alive, x-mine", "x-mine": "1", "Keep-Alive": "timeout=9",
            "TE": "trailers", "Proxy-Connection": "keep-alive", "x-other": "2"})
        seen = self.a.calls()[0]["fields"]
        for name in ("x-mine", "keep-alive", "proxy-connection"):
            self.assertNotIn(name, seen)
        self.assertEqual(seen["x-other"], "2")
        for name in ("x-private", "keep-alive"):
            self.assertIsNone(response.header(name))

    def test_next_hop_is_told_who_asked(self):
        response = self.proxy.request(headers={"X-Forwarded-For": "192.0.2.1"})
        seen = self.a.calls()[0]["fields"]
        self.assertEqual(seen["x-forwarded-for"], "192.0.2.1, 127.0.0.1")
        self.assertIn("weir", seen["via"])
        self.assertIn("weir", response.header("via"))
        self.assertEqual(seen["host"], "catalog")

    def test_upgrade_becomes_a_tunnel(self):
        with Client(self.proxy.port) as client:
            response = client.request(target="/upgrade", headers={
                "Connection": "Upgrade", "Upgrade": "websocket"})
            self.assertEqual((response.status, response.header("upgrade")), (101, "websocket"))
            for size in (1, 100, 100_000):
                client.send(b"\x00" * size)
                self.assertEqual(client.read(size), b"\x00" * size)

    def test_connect_is_refused(self):
        with Client(self.proxy.port) as client:
            client.send(f"CONNECT {self.a.address} HTTP/1.1\r\nHost: {self.a.address}\r\n\r\n")
            self.assertGreaterEqual(client.read_response().status, 400)
        self.assertEqual(self.a.calls(), [])

    def test_unknown_host_is_a_local_404_with_a_reason(self):
        response = self.proxy.request(host="nobody")
        self.assertEqual(response.status, 404)
        self.assertIn("weir; error=", response.header("proxy-status"))

    def test_caller_that_leaves_ends_a_get_upstream(self):
        with Client(self.proxy.port) as client:
            client.send("GET /slow/20000 HTTP/1.1\r\nHost: catalog\r\nweir-budget-ms: 20000\r\n\r\n")
            wait_until(lambda: self.a.calls(), what="the call")
        wait_until(lambda: self.a.calls()[0].get("answered") is False, what="the call to be cancelled")

    def test_large_upload_through_a_slow_upstream_keeps_memory_flat(self):
        size = int(os.environ.get("WEIR_UPLOAD_MB", "300")) * MIB
        budget = {"default": "600s", "maximum": "600s"}
        proxy = self.weir([self.a], outbound={"budget": budget})
        proxy.request()
        self.a.mode("slow-read/120000")  # below what the client could send
        before = proxy.resident()
        piece = b"u" * MIB
        with Watch(proxy.resident) as resident, Client(proxy.port, timeout=300) as client:
            client.send(f"PUT /upload HTTP/1.1\r\nHost: catalog\r\nContent-Length: {size}\r\n\r\n")
            for _ in range(size // MIB):
                client.send(piece)
            self.assertEqual(client.read_response().status, 200)
        self.assertEqual(self.a.calls()[-1]["body_size"], size)
        self.assertLess(resident.largest - before, 8 * MIB)

    def test_caller_that_reads_slowly_does_not_fill_memory(self):
        self.proxy.request()
        before = self.proxy.resident()
        with Client(self.proxy.port) as client:
            client.send("GET /bytes/100000000 HTTP/1.1\r\nHost: catalog\r\n\r\n")
            client.read(1000)
            self.assertEqual(self.proxy.request().text, "a")  # others are served meanwhile
            self.assertLess(self.proxy.resident() - before, 8 * MIB)


