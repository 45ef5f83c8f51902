"""Promise: whoever probes the inbound listener finds nothing weak, and whoever plays games with it
hurts himself only."""

import json
import os
import socket
import ssl
import subprocess
import tempfile
from datetime import timedelta

import wire
from certificates import Authority
from needs import need_program
from processes import wait_until
from test_tls import TlsTest, spiffe

# What testssl may say of a certificate that a test has made, and of an HTTP response that is the
# application's. `engine_problem` is about the machine.
NOT_OURS = ("cert", "engine_problem", "HSTS", "security_headers")
# It must have looked for these, or it has found nothing because it has not looked.
LOOKED_FOR = {"SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "cipherlist_NULL",
              "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW", "cipherlist_3DES_IDEA",
              "heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_renego", "secure_client_renego",
              "CRIME_TLS", "POODLE_SSL", "fallback_SCSV", "SWEET32", "FREAK", "DROWN", "LOGJAM",
              "BEAST", "LUCKY13", "RC4", "PFS"}


class Testssl(TlsTest):
    def test_it_finds_nothing_weak(self):
        program = need_program("testssl", "testssl.sh")
        # An RSA key as well: with it alone the oldest attacks on key exchange could be tried.
        weir = self.server(client="none", certificates=[
            self.written(self.authority.issue(spiffe=spiffe("catalog"), key=kind), kind)
            for kind in ("ec", "rsa")])
        report = f"{self.directory}/report.json"
        with tempfile.TemporaryDirectory() as scratch:
            done = subprocess.run(
                [program, "--quiet", "--color", "0", "--warnings", "off", "-n", "none",
                 "--openssl-timeout", "10", "--connect-timeout", "10", "-p", "-s", "-f", "-U",
                 "--jsonfile", report, f"127.0.0.1:{weir.inbound_port}"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                env={**os.environ, "TMPDIR": scratch, "TERM": "dumb"})
        with open(report) as file:
            findings = json.load(file)
        missing = LOOKED_FOR - {one["id"] for one in findings}
        self.assertFalse(missing, done.stdout + done.stderr)
        weak = [one for one in findings if one["severity"] not in ("OK", "INFO")
                and not one["id"].startswith(NOT_OURS)]
        self.assertEqual(weak, [])
        offered = {one["id"]: one["finding"] for one in findings}
        for name in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "cipherlist_3DES_IDEA"):
            self.assertIn("not offered", offered[name], name)
        self.assertEqual(self.curl(weir)[0], 0)


class Games(TlsTest):
    def secured(self, weir, alpn=None, **options):
        context = self.context(**options)
        if alpn:
            context.set_alpn_protocols(alpn)
        plain = socket.create_connection(("127.0.0.1", weir.inbound_port), 5)
        self.addCleanup(plain.close)
        return context.wrap_socket(plain)

    def test_what_was_agreed_in_the_handshake_is_what_is_spoken(self):
        weir = self.server()
        for alpn, bytes_sent in (
            ("http/1.1", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"),
            ("h2", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ):
            with self.subTest(alpn), self.secured(weir, [alpn]) as caller:
                self.assertEqual(caller.selected_alpn_protocol(), alpn)
                caller.sendall(bytes_sent)
                said = _read_all(caller)
                self.assertNotIn(b" 200 ", said)
        with self.assertRaisesRegex(ssl.SSLError, "(?i)no.application.protocol"):
            self.secured(weir, ["spdy/3"])
        self.assertEqual(self.application.count(), 0)

    def test_several_identities_are_none(self):
        weir = self.server()
        for names in ([spiffe("checkout"), spiffe("billing")],
                      [spiffe("checkout"), "https://example.org/"],
                      ["SPIFFE://example.org/ns/shop/sa/checkout"],
                      ["spiffe://EXAMPLE.org/ns/shop/sa/checkout"],
                      ["spiffe://example.org/ns/shop/../shop/sa/checkout"],
                      ["spiffe://example.org/ns/shop/sa/checkout%2f"]):
            with self.subTest(names):
                self.application.clear()
                with self.secured(weir, pair=self.authority.issue(uris=names)) as caller:
                    caller.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    self.assertIn(b" 200 ", _read_all(caller))
                self.assertNotIn("x-weir-identity", self.application.calls()[0]["fields"])

    def test_a_huge_certificate_costs_its_owner_the_connection(self):
        weir = self.server()
        for count, served in ((500, True), (8000, False)):
            names = [f"name-{number}.{'x' * 40}.example.org" for number in range(count)]
            try:
                with self.secured(weir, pair=self.authority.issue(dns=names)) as caller:
                    caller.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    self.assertEqual(b" 200 " in _read_all(caller), served)
            except (ssl.SSLError, ConnectionError):
                self.assertFalse(served)
        self.assertEqual(self.curl(weir, name="checkout")[0], 0)

    def test_slow_handshakes_stand_in_nobody_s_way(self):
        weir = self.server(handshake_timeout="3s")
        slow = [socket.create_connection(("127.0.0.1", weir.inbound_port), 10) for _ in range(300)]
        for one in slow[::2]:
            one.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        self.assertEqual(self.curl(weir, name="checkout")[0], 0)
        for one in slow:
            self.assertEqual(_read_all(one), b"")
            one.close()
        weir.expect_metric(300, "weir_tls_handshake_failures_total", reason="timeout")
        wait_until(lambda: weir.metric("weir_downstream_connections", direction="inbound") == 0)

    def test_of_too_many_slow_handshakes_the_slowest_has_to_go(self):
        weir = self.server(handshake_timeout="60s")
        slow = [socket.create_connection(("127.0.0.1", weir.inbound_port), 10)
                for _ in range(1024)]
        wait_until(lambda: weir.metric("weir_downstream_connections", direction="inbound") == 1024)
        self.assertEqual(self.curl(weir, name="checkout")[0], 0)
        self.assertEqual(_read_all(slow[0]), b"")
        weir.expect_metric(1, "weir_connections_refused_total", reason="overload")
        for one in slow:
            one.close()


class Ends(TlsTest):
    """What let somebody in must still hold while he stays."""

    def connect(self, weir, pair):
        """A kept connection, over which one request has been answered."""
        plain = socket.create_connection(("127.0.0.1", weir.inbound_port), 20)
        self.addCleanup(plain.close)
        caller = self.context(pair=pair).wrap_socket(plain)
        self.addCleanup(caller.close)
        caller.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertIn(b" 200 ", caller.recv(4096))
        return caller

    def test_a_connection_ends_with_the_certificate_of_its_caller(self):
        weir = self.server()
        staying = self.connect(weir, self.authority.issue(spiffe=spiffe("checkout")))
        leaving = self.connect(weir, self.authority.issue(spiffe=spiffe("checkout"),
                                                          ends=timedelta(seconds=4)))
        self.assertEqual(_read_all(leaving), b"")
        staying.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertIn(b" 200 ", staying.recv(4096))

    def test_whom_the_bundle_no_longer_vouches_for_has_to_go(self):
        other = Authority("other")
        both = self.file("both.pem", self.authority.pem + other.pem)
        section = {**self.member("catalog"), "ca": both}
        weir = self.server(tls=section)
        leaving = self.connect(weir, other.issue(spiffe=spiffe("checkout")))
        client = self.client(weir)
        load = self.load(client.port, connections=4, seconds=30)
        wait_until(lambda: len(load.so_far()) > 50, what="traffic")
        self.file("both.pem", self.authority.pem)
        self.assertEqual(_read_all(leaving), b"")
        seen = len(load.so_far())
        wait_until(lambda: len(load.so_far()) > seen + 100, what="traffic")
        self.assertEqual({one.status for one in load.stop()}, {200})
        with self.assertRaises((ssl.SSLError, ConnectionError, AssertionError)):
            self.connect(weir, other.issue(spiffe=spiffe("checkout")))

    def test_plain_text_ends_where_tls_becomes_a_must(self):
        weir = self.server("permissive")
        with wire.Client(weir.inbound_port, timeout=20) as plain:
            self.assertEqual(plain.request().status, 200)
            strict = json.loads(json.dumps(weir.config))
            strict["inbound"]["tls"] = "strict"
            weir.reload(strict)
            self.assertTrue(plain.closed())
        self.assertEqual(self.curl(weir, name="checkout")[0], 0)


def _read_all(connection):
    """Until the end, however it comes."""
    said = b""
    try:
        while piece := connection.recv(65536):
            said += piece
    except (ssl.SSLError, ConnectionError):
        pass
    return said
