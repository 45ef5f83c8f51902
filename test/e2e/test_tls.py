"""Promise: who calls and who is called is proved, by real peers' standards, on every connection."""

import http.server
import json
import re
import socket
import ssl
import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import wire
from certificates import DAY, Authority, Directory
from mesh import FAILOVER_ALONE, MeshTest
from needs import need_program
from processes import free_port, wait_until

DOMAIN = "example.org"
NOW = timedelta(0)
HOUR = timedelta(hours=1)


# PORT CA CERTIFICATE KEY
NODE = """
const fs = require('fs');
const [port, ca, cert, key] = process.argv.slice(2);
const tls = {ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key)};
require('https').get(`https://localhost:${port}/`, {...tls, agent: false}, (answer) => {
  console.log('https', answer.statusCode);
  answer.resume();
  const session = require('http2').connect(`https://localhost:${port}`, tls);
  const stream = session.request({':path': '/'});
  stream.on('response', (fields) => console.log('http2', fields[':status']));
  stream.resume();
  stream.on('end', () => session.close());
});
"""


def spiffe(name, domain=DOMAIN):
    return f"spiffe://{domain}/ns/shop/sa/{name}"


class TlsTest(MeshTest):
    def setUp(self):
        super().setUp()
        self.authority = Authority()
        self.ca = self.file("ca.pem", self.authority.pem)

    def file(self, name, text):
        path = Path(self.directory) / name
        path.write_text(text)
        return str(path)

    def written(self, pair, name):
        certificate, key = pair.write(self.directory, name)
        return {"certificate": str(certificate), "key": str(key)}

    def member(self, name, domain=DOMAIN, **options):
        """The service-wide section of a weir whose identity is `name`."""
        pair = self.authority.issue(name, spiffe=spiffe(name, domain), **options)
        return {**self.written(pair, f"{name}-{domain}"), "ca": self.ca, "trust_domain": DOMAIN}

    def server(self, mode="strict", inbound=None, tls=None, member=None, application=None, **tls_keys):
        """A weir with TLS inbound, before an instance of its own; `self.application`."""
        self.application = application or self.instance("app")
        section = {"mode": mode, **tls_keys} if tls_keys else mode
        return self.weir(["127.0.0.1:1"],
                         inbound={"application": self.application.address, "tls": section,
                                  **(inbound or {})},
                         tls=tls or self.member(member or "catalog"))

    def client(self, server, name="checkout", upstream=None, tls=None, member=None, **sections):
        """A weir that calls `server` (its inbound side) over mutual TLS."""
        return self.weir([f"127.0.0.1:{server.inbound_port}"],
                         upstream={"tls": {"identities": spiffe("catalog"), **(tls or {})},
                                   **(upstream or {})},
                         tls=member or self.member(name), **sections)

    def curl(self, weir, *arguments, name=None, path="/"):
        """(exit code, output) of curl asking the inbound listener, as `name` if there is one."""
        command = [need_program("curl", "curl"), "-sS", "--max-time", "10", "--cacert", self.ca,
                   "--connect-to", f"localhost::127.0.0.1:{weir.inbound_port}"]
        if name is not None:
            member = self.written(self.authority.issue(name, spiffe=spiffe(name)), f"curl-{name}")
            command += ["--cert", member["certificate"], "--key", member["key"]]
        done = subprocess.run([*command, *arguments, f"https://localhost:{weir.inbound_port}{path}"],
                              capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr

    def s_client(self, weir, *arguments, text="", shown=True):
        """What openssl s_client says. `text` is sent once the handshake is over."""
        command = ["timeout", "10", need_program("openssl", "openssl"), "s_client", "-connect",
                   f"127.0.0.1:{weir.inbound_port}", "-CAfile", self.ca, *arguments]
        if shown:
            pair = self.written(self.authority.issue(spiffe=spiffe("openssl")), "openssl")
            command += ["-cert", pair["certificate"], "-key", pair["key"]]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20)
        return done.stdout + done.stderr

    def context(self, name="checkout", pair=None, authority=None):
        """Python's TLS as a caller."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(cadata=(authority or self.authority).pem)
        if name is not None or pair is not None:
            pair = pair or self.authority.issue(name, spiffe=spiffe(name))
            context.load_cert_chain(*pair.write(self.directory, f"context-{name}"))
        return context


class Downstream(TlsTest):
    def test_curl_speaks_both_versions_and_is_told_who_it_is(self):
        weir = self.server()
        for option, version in (("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2")):
            answered = self.curl(weir, option, "-o", "/dev/null", "-w",
                                 "HTTP/%{http_version} %{http_code}", name="checkout")
            self.assertEqual(answered, (0, f"{version} 200"))
        for call in self.application.calls():
            self.assertEqual(call["fields"]["x-weir-identity"], spiffe("checkout"))
            self.assertEqual(call["fields"]["x-forwarded-proto"], "https")
        line = json.loads(weir.log(2)[-1])
        self.assertEqual(line["caller"], spiffe("checkout"))

    def test_node_speaks_both_versions(self):
        weir = self.server()
        pair = self.written(self.authority.issue(spiffe=spiffe("node")), "node")
        script = self.file("ask.js", NODE)
        done = subprocess.run([need_program("node", "nodejs"), script, str(weir.inbound_port),
                               self.ca, pair["certificate"], pair["key"]],
                              capture_output=True, text=True, timeout=20)
        self.assertEqual(done.stdout.split(), ["https", "200", "http2", "200"], done.stderr)
        self.assertEqual([call["fields"]["x-weir-identity"] for call in self.application.calls()],
                         [spiffe("node")] * 2)

    def test_claims_of_an_identity_are_removed(self):
        weir = self.server()
        for name in ("X-Weir-Identity", "x_weir_identity", "X.Weir.Identity",
                     "X-Forwarded-Client-Cert"):
            self.curl(weir, "-H", f"{name}: spiffe://example.org/admin", name="checkout")
        for call in self.application.calls():
            self.assertNotIn("spiffe://example.org/admin", json.dumps(call))

    def test_a_caller_without_a_certificate_is_turned_away_before_the_first_request(self):
        weir = self.server()
        code, _ = self.curl(weir)
        self.assertNotEqual(code, 0)
        self.assertEqual(self.application.count(), 0)
        weir.expect_metric(1, "weir_tls_handshake_failures_total", reason="no_certificate",
                           direction="inbound")

    def test_who_may_stay_unknown_is_served_without_an_identity(self):
        weir = self.server(client="optional")
        self.assertEqual(self.curl(weir)[0], 0)
        self.assertNotIn("x-weir-identity", self.application.calls()[0]["fields"])

    def test_permissive_takes_both(self):
        weir = self.server("permissive")
        self.assertEqual(self.curl(weir, name="checkout")[0], 0)
        self.assertEqual(wire.request(weir.inbound_port).status, 200)
        self.assertEqual([call["fields"].get("x-forwarded-proto")
                          for call in self.application.calls()], ["https", "http"])

    def test_callers_with_bad_certificates(self):
        weir = self.server()
        stranger = Authority("stranger")
        cases = (
            ("untrusted", stranger.issue(spiffe=spiffe("checkout"))),
            ("expired", self.authority.issue(spiffe=spiffe("checkout"), begins=-2 * DAY, ends=-DAY)),
            ("expired", self.authority.issue(spiffe=spiffe("checkout"), begins=DAY, ends=2 * DAY)),
        )
        for reason, pair in cases:
            with self.subTest(reason):
                before = weir.metric("weir_tls_handshake_failures_total", reason=reason)
                with self.assertRaises((ssl.SSLError, ConnectionError)):
                    with socket.create_connection(("127.0.0.1", weir.inbound_port), 5) as plain:
                        with self.context(pair=pair).wrap_socket(plain) as secured:
                            secured.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                            if not secured.recv(1):
                                raise ConnectionError
                weir.expect_metric(before + 1, "weir_tls_handshake_failures_total", reason=reason)
        self.assertEqual(self.application.count(), 0)


class Protocol(TlsTest):
    """As openssl s_client sees it, and as testssl would judge it."""

    def test_only_versions_that_are_sound(self):
        weir = self.server()
        self.assertIn("TLSv1.3", self.s_client(weir, "-tls1_3"))
        twelve = self.s_client(weir, "-tls1_2")
        self.assertRegex(twelve, r"ECDHE-ECDSA-(AES\d+-GCM|CHACHA20)")
        self.assertIn("Secure Renegotiation IS supported", twelve)
        self.assertIn("Compression: NONE", twelve)
        for old in ("-tls1", "-tls1_1"):
            self.assertRegex(self.s_client(weir, old, "-cipher", "ALL@SECLEVEL=0"),
                             r"Cipher is \(NONE\)", old)
        for weak in ("AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256", "NULL", "aNULL",
                     "ECDHE-ECDSA-AES256-SHA384"):
            self.assertRegex(self.s_client(weir, "-tls1_2", "-cipher", f"{weak}:@SECLEVEL=0"),
                             r"Cipher is \(NONE\)|no ciphers available|no cipher match", weak)

    def test_the_lowest_version_is_the_operator_s_choice(self):
        weir = self.server(minimum="1.3")
        self.assertRegex(self.s_client(weir, "-tls1_2"), r"Cipher is \(NONE\)")
        self.assertIn("TLSv1.3", self.s_client(weir))

    def test_renegotiation_is_refused(self):
        weir = self.server()
        output = self.s_client(weir, "-tls1_2", text="R\n")
        self.assertIn("RENEGOTIATING", output)
        self.assertRegex(output, r"no renegotiation|:error:|unexpected eof|write:errno")

    def test_sessions_are_resumed_and_early_data_is_not_taken(self):
        weir = self.server()
        for version in ("-tls1_2", "-tls1_3"):
            session = f"{self.directory}/session{version}"
            ask = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            first = self.s_client(weir, version, "-ign_eof", "-sess_out", session, text=ask)
            again = self.s_client(weir, version, "-ign_eof", "-sess_in", session, text=ask)
            self.assertIn("HTTP/1.1 200", first)
            self.assertIn("New, TLS", first)
            self.assertIn("Reused, TLS", again)
            self.assertIn("HTTP/1.1 200", again)
        early = self.file("early", "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        refused = self.s_client(weir, "-tls1_3", "-sess_in", session, "-early_data", early)
        self.assertNotIn("Early data was accepted", refused)
        self.assertGreaterEqual(weir.metric("weir_tls_handshakes_total", resumed="true",
                                            direction="inbound", version="1.3"), 1)
        self.assertEqual({call["fields"]["x-weir-identity"] for call in self.application.calls()},
                         {spiffe("openssl")})

    def test_handshakes_that_are_cut_short_or_slow_are_ended(self):
        weir = self.server(handshake_timeout="300ms")
        with socket.create_connection(("127.0.0.1", weir.inbound_port)) as cut:
            cut.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        silent = [socket.create_connection(("127.0.0.1", weir.inbound_port), 5) for _ in range(3)]
        silent[1].sendall(b"\x16\x03\x01\x02\x00")
        for one in silent:
            try:
                self.assertEqual(one.recv(1), b"")
            except ConnectionResetError:
                pass
            one.close()
        weir.expect_metric(3, "weir_tls_handshake_failures_total", reason="timeout")
        with socket.create_connection(("127.0.0.1", weir.inbound_port), 5) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertNotIn(b"HTTP/1.1 200", plain.recv(100))
        self.assertEqual(self.application.count(), 0)
        wait_until(lambda: weir.metric("weir_downstream_connections", direction="inbound") == 0)


class Mutual(TlsTest):
    """Two weirs in a row."""

    def test_they_speak_http_2_and_the_budget_shrinks(self):
        server = self.server()
        client = self.client(server)
        for _ in range(3):
            self.assertEqual(client.request(headers={"weir-budget-ms": "2000"}).status, 200)
        calls = self.application.calls()
        budgets = [int(call["fields"]["weir-budget-ms"]) for call in calls]
        self.assertTrue(all(0 < budget < 2000 for budget in budgets), budgets)
        self.assertEqual({call["fields"]["x-weir-identity"] for call in calls},
                         {spiffe("checkout")})
        self.assertEqual({call["fields"]["x-forwarded-proto"] for call in calls}, {"https"})
        self.assertEqual({json.loads(line)["protocol"] for line in server.log(3)}, {"HTTP/2"})
        self.assertEqual(client.metric("weir_tls_handshakes_total", direction="outbound",
                                       version="1.3", resumed="false"), 1)

    def test_many_at_once_wait_for_one_handshake(self):
        client = self.client(self.server())
        load = self.load(client.port, connections=32, seconds=0.5)
        load.process.wait(20)
        self.assertEqual({one.status for one in load.stop()}, {200})
        self.assertEqual(client.metric("weir_tls_handshakes_total", direction="outbound"), 1)

    def test_budgets_are_believed_only_from_inside_the_trust_domain(self):
        server = self.server(inbound={"budget": {"default": "4s"}})
        self.client(server, member=self.member("checkout", domain="elsewhere.org")).request(
            headers={"weir-budget-ms": "900"})
        self.client(server).request(headers={"weir-budget-ms": "900"})
        stranger, member = (json.loads(line) for line in server.log(2))
        self.assertEqual((stranger["budget_source"], stranger["budget_ms"]), ("default", 4000))
        self.assertEqual(member["budget_source"], "header")
        self.assertLessEqual(member["budget_ms"], 900)

    def test_endpoints_that_are_not_who_they_should_be(self):
        cases = (
            ("wrong_name", self.member("impostor"), "tls_certificate_error"),
            ("expired", self.member("catalog", begins=-2 * DAY, ends=-DAY), None),
            ("untrusted", None, "tls_certificate_error"),
        )
        for reason, member, error in cases:
            if error is None:
                continue  # weir does not show what has expired; see the Python peer below
            with self.subTest(reason):
                other = Authority("other")
                mine = self.member("catalog")
                if member is None:
                    pair = self.written(other.issue(spiffe=spiffe("catalog")), "other")
                    member = {**mine, **pair}
                server = self.server(tls=member)
                client = self.client(server)
                answer = client.request()
                self.assertEqual(answer.status, 502)
                self.assertIn(error, answer.header("proxy-status"))
                self.assertGreaterEqual(
                    client.metric("weir_tls_handshake_failures_total", direction="outbound",
                                  reason=reason), 1)
                self.assertEqual(self.application.count(), 0)

    def test_a_caller_that_is_not_believed_gets_no_further(self):
        server = self.server()
        pair = self.written(Authority("other").issue(spiffe=spiffe("checkout")), "other")
        client = self.client(server, member={**self.member("checkout"), **pair})
        answer = client.request("POST", body=b"x")
        self.assertEqual(answer.status, 502)
        self.assertIn("error=tls_alert_received", answer.header("proxy-status"))
        self.assertEqual(self.application.count(), 0)
        server.expect_metric(1, "weir_tls_handshake_failures_total", direction="inbound",
                             reason="untrusted")

    def test_a_failed_handshake_is_followed_by_another_instance(self):
        impostor, server = self.server(tls=self.member("impostor")), self.server()
        client = self.weir([f"127.0.0.1:{one.inbound_port}" for one in (impostor, server)],
                           upstream={"tls": {"identities": spiffe("catalog")}, **FAILOVER_ALONE},
                           tls=self.member("checkout"))
        for _ in range(4):
            self.assertEqual(client.request("POST", body=b"once").status, 200)
        self.assertEqual(self.application.count(), 4)
        self.assertGreaterEqual(client.metric("weir_failovers_total", result="success"), 1)


class Upstream(TlsTest):
    """A server that is not a weir: Python's."""

    def python_server(self, pair, alpn=None, minimum=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair.write(self.directory, f"python-{free_port()}"))
        if alpn:
            context.set_alpn_protocols(alpn)
        if minimum:
            context.maximum_version = minimum

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("content-length", "2")
                self.send_header("x-session", str(self.connection.session_reused))
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass

            def finish_request(self, request, address):
                request.settimeout(5)
                secured = context.wrap_socket(request, server_side=True)
                try:
                    self.RequestHandlerClass(secured, address, self)
                finally:
                    secured.close()

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def caller(self, port, **tls):
        return self.weir([f"127.0.0.1:{port}"],
                         upstream={"tls": {"server_name": "localhost", "ca": self.ca, **tls}})

    def test_a_server_that_agrees_upon_nothing_is_spoken_to_in_http_1_1(self):
        client = self.caller(self.python_server(self.authority.issue()))
        for _ in range(3):
            self.assertEqual(client.request().text, "ok")
        self.assertEqual(client.metric("weir_tls_handshakes_total", direction="outbound"), 1)

    def test_sessions_are_resumed(self):
        port = self.python_server(self.authority.issue())
        client = self.weir([f"127.0.0.1:{port}"],
                           upstream={"tls": {"server_name": "localhost", "ca": self.ca},
                                     "pool": {"requests": 1}})
        seen = [client.request().header("x-session") for _ in range(4)]
        self.assertEqual(seen[0], "False")
        self.assertIn("True", seen[1:])
        self.assertGreaterEqual(client.metric("weir_tls_handshakes_total", direction="outbound",
                                              resumed="true"), 1)

    def test_what_is_wrong_with_a_server_is_told(self):
        late, early = ({"begins": -2 * DAY, "ends": -DAY}, {"begins": DAY, "ends": 2 * DAY})
        for reason, pair in (
            ("expired", self.authority.issue(**late)),
            ("expired", self.authority.issue(**early)),
            ("wrong_name", self.authority.issue("elsewhere")),
            ("untrusted", Authority("nobody").issue()),
        ):
            with self.subTest(reason):
                client = self.caller(self.python_server(pair))
                answer = client.request()
                self.assertEqual(answer.status, 502)
                self.assertIn("error=tls_certificate_error", answer.header("proxy-status"))
                self.assertEqual(json.loads(client.log()[0])["failure"], "tls_certificate")
                self.assertGreaterEqual(
                    client.metric("weir_tls_handshake_failures_total", reason=reason), 1)

    def test_a_server_that_speaks_no_tls_or_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as plain:
            client = self.caller(plain.getsockname()[1])
            threading.Thread(target=_refuse_in_plain_text, args=(plain,), daemon=True).start()
            answer = client.request()
            self.assertEqual(answer.status, 502)
            self.assertIn("error=tls_protocol_error", answer.header("proxy-status"))
        with socket.create_server(("127.0.0.1", 0)) as silent:
            client = self.caller(silent.getsockname()[1], handshake_timeout="200ms")
            answer = client.request()
            self.assertEqual(answer.status, 504)
            self.assertIn("tls_timeout", answer.header("proxy-status"))


def _refuse_in_plain_text(server):
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


class Rotation(TlsTest):
    def test_certificates_are_renewed_under_load_without_a_failed_request(self):
        for layout in (Directory.KUBERNETES, Directory.SPIFFE):
            with self.subTest(layout[0]):
                place = Directory(f"{self.directory}/{layout[0]}", layout)
                place.fill(self.authority.issue(spiffe=spiffe("catalog"), ends=HOUR),
                           self.authority.pem)
                section = {"directory": str(place.path), "trust_domain": DOMAIN}
                server = self.server(tls=section)
                client = self.client(server, member=section)
                load = self.load(client.port, connections=8, seconds=30)
                wait_until(lambda: len(load.so_far()) > 50, what="traffic")
                first = self.expiry(server)
                for ends in (2 * HOUR, 3 * HOUR):
                    before = self.expiry(client)
                    place.fill(self.authority.issue(spiffe=spiffe("catalog"), ends=ends),
                               self.authority.pem)
                    for weir in (server, client):
                        wait_until(lambda: self.expiry(weir) > before + 1800, 10, "renewal")
                    seen = len(load.so_far())
                    wait_until(lambda: len(load.so_far()) > seen + 100, what="traffic")
                self.assertEqual({one.status for one in load.stop()}, {200})
                self.assertGreater(self.expiry(server), first)
                self.assertEqual(client.request().status, 200)
                self.assertGreaterEqual(
                    client.metric("weir_tls_handshakes_total", direction="outbound"), 3)
                self.assertEqual(server.metric("weir_config_reloads_total"), 1)

    def expiry(self, weir):
        return max((float(value) for value in re.findall(
            r'weir_tls_certificate_expiry_timestamp_seconds\{file="[^"]*(?:crt|svid.pem)",'
            r'subject="spiffe:[^"]*"\} (\S+)', weir.admin("/metrics").text)), default=0)

    def test_half_of_a_generation_is_waited_out(self):
        place = Directory(f"{self.directory}/spiffe", Directory.SPIFFE)
        old, new = (self.authority.issue(spiffe=spiffe("catalog"), ends=ends)
                    for ends in (HOUR, 5 * HOUR))
        place.fill(old, self.authority.pem)
        server = self.server(tls={"directory": str(place.path), "trust_domain": DOMAIN})
        before = self.expiry(server)
        (place.path / "svid.pem").write_text(new.certificate)
        server.expect_metric(1, "weir_tls_reloads_total", result="failure")
        self.assertEqual(self.curl(server, name="checkout")[0], 0)
        self.assertEqual(self.expiry(server), before)
        (place.path / "svid_key.pem").write_text(new.key)
        wait_until(lambda: self.expiry(server) > before, 10, "renewal")
        self.assertEqual(self.curl(server, name="checkout")[0], 0)
        self.assertIn("refused", server.process.errors())

    def test_files_that_cannot_be_used_stop_the_start_and_not_a_running_weir(self):
        server = self.server()
        generation = server.metric("weir_config_generation")
        broken = json.loads(json.dumps(server.config))
        broken["tls"]["key"] = self.file("other.key", self.authority.issue().key)
        server.reload(broken)
        self.assertEqual(server.metric("weir_config_reloads_total", result="failure"), 1)
        self.assertEqual(server.metric("weir_config_generation"), generation)
        self.assertEqual(self.curl(server, name="checkout")[0], 0)
        self.assertIn("other.key", server.process.errors())
        started = self.configure(["127.0.0.1:1"])
        started.write({**broken, "admin": {"listen": "off"}})
        done = subprocess.run([server.process.command[0], "run", "-c", started.file],
                              capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 78)  # EX_CONFIG
        self.assertIn("other.key", done.stderr)


class Routes(TlsTest):
    def test_a_route_can_ask_who_made_the_request_that_caused_the_call(self):
        a, b = self.instance("a"), self.instance("b")
        application = self.instance("app")
        weir = self.weir([a], inbound={"application": application.address, "tls": "strict"},
                         tls=self.member("orders"),
                         upstreams={"special": {"endpoints": [{"address": b.address}]}},
                         routes=[{"match": {"host": "catalog", "caller": spiffe("checkout")},
                                  "to": "special"},
                                 {"match": {"host": "catalog"}, "to": "catalog"}])
        for name, answered in (("checkout", "b"), ("billing", "a")):
            application.clear()
            asking = threading.Thread(target=self.curl, args=(weir,),
                                      kwargs={"name": name, "path": "/slow/1500"})
            asking.start()
            wait_until(application.calls, what="the inbound request")
            fields = application.calls()[0]["fields"]
            carried = {key: fields[key] for key in ("traceparent", "tracestate")}
            self.assertEqual(weir.request(headers=carried).header("x-instance"), answered)
            asking.join()
        self.assertEqual(weir.request().header("x-instance"), "a")


class Authorization(TlsTest):
    RULES = {"default": "deny", "rules": [
        {"deny": "*", "path": "/internal/*"},
        {"allow": spiffe("checkout"), "method": "GET", "path": "/v1/*"},
        {"allow": "spiffe://example.org/ns/ops/*"},
    ]}

    def ask(self, weir, name, path, *arguments):
        code, output = self.curl(weir, "-i", "--path-as-is", *arguments, name=name, path=path)
        self.assertEqual(code, 0, output)
        return int(re.match(r"HTTP/\S+ (\d+)", output).group(1)), output

    def test_only_what_a_rule_allows_reaches_the_application(self):
        weir = self.server(inbound={"authorization": self.RULES})
        for name, path, arguments, status in (
            ("checkout", "/v1/x", (), 200),
            ("checkout", "/v1", (), 200),
            ("checkout", "/v1x", (), 403),
            ("checkout", "/v1/x", ("-X", "POST"), 403),
            ("checkout", "/v1/x", ("-H", "X-HTTP-Method-Override: DELETE"), 403),
            ("checkout", "/v1/../internal/x", (), 403),
            ("checkout", "/v1/%2e%2e/internal", (), 403),
            ("intruder", "/v1/x", (), 403),
        ):
            with self.subTest(f"{name} {path} {arguments}"):
                answered, output = self.ask(weir, name, path, *arguments)
                self.assertEqual(answered, status)
                if status == 403:
                    self.assertIn("error=http_request_denied", output.lower())
        self.assertEqual(self.application.count(), 2)
        weir.expect_metric(2, "weir_authorization_total", verdict="allowed",
                           caller=spiffe("checkout"))
        weir.expect_metric(1, "weir_authorization_total", verdict="denied",
                           caller=spiffe("intruder"))
        line = json.loads(weir.log(8)[-1])
        self.assertEqual((line["failure"], line["authorization"], line["caller"]),
                         ("unauthorized", "denied", spiffe("intruder")))

    def test_a_dry_run_refuses_nobody_and_counts(self):
        weir = self.server(inbound={"authorization": {**self.RULES, "dry_run": True}})
        self.assertEqual(self.ask(weir, "intruder", "/v1/x")[0], 200)
        weir.expect_metric(1, "weir_authorization_total", verdict="would_deny")
        self.assertEqual(json.loads(weir.log()[0])["authorization"], "would_deny")

    def test_grpc_is_told_in_its_own_words(self):
        weir = self.server(inbound={"authorization": self.RULES})
        _, output = self.ask(weir, "intruder", "/weir.Test/Echo", "--http2", "-X", "POST", "-H",
                             "content-type: application/grpc", "-H", "te: trailers")
        self.assertRegex(output.lower(), r"grpc-status: 7\b")
