"""Promise: TLS servers and callers of others, made with other libraries, work with weir."""

import http.client
import json
import socket
import ssl
import subprocess
import threading

from needs import need_module, need_program
from processes import free_port, wait_until
from test_tls import TlsTest, spiffe

# PORT CA CERTIFICATE KEY OPTIONS: answers with what it has seen of the call and of its connection.
NODE_SERVER = """
const fs = require('fs');
const [port, ca, cert, key, options] = process.argv.slice(2);
const given = {...JSON.parse(options), ca: fs.readFileSync(ca), cert: fs.readFileSync(cert),
               key: fs.readFileSync(key), requestCert: true, rejectUnauthorized: true};
const http1 = given.ALPNProtocols !== undefined;
const server = http1 ? require('https').createServer(given)
                     : require('http2').createSecureServer(given);
server.on('request', (request, response) => {
  const socket = request.stream ? request.stream.session.socket : request.socket;
  response.end(JSON.stringify({
    version: request.httpVersion, scheme: request.headers[':scheme'],
    proto: request.headers['x-forwarded-proto'], protocol: socket.getProtocol(),
    name: socket.servername, reused: socket.isSessionReused(),
    peer: socket.getPeerCertificate().subjectaltname}));
});
server.listen(Number(port), '127.0.0.1');
"""


class Servers(TlsTest):
    """Called by weir, which shows its own certificate."""

    def caller(self, port, **upstream):
        member = self.member("checkout")
        return self.weir([f"127.0.0.1:{port}"], tls=member, upstream={
            "tls": {"server_name": "localhost", "certificate": member["certificate"],
                    "key": member["key"]}, **upstream})

    def started(self, *command):
        """Runs a server on a port of its own, `PORT` in the command, and waits for it."""
        port = free_port()
        process = subprocess.Popen([str(port) if part == "PORT" else part for part in command],
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until(lambda: _listens(port), what="the server")
        return port

    def node(self, **options):
        pair = self.written(self.authority.issue(), "node-server")
        return self.started(need_program("node", "nodejs"), self.file("serve.js", NODE_SERVER),
                            "PORT", self.ca, pair["certificate"], pair["key"],
                            json.dumps(options))

    def test_node(self):
        for options, seen in (
            ({}, {"version": "2.0", "scheme": "https", "protocol": "TLSv1.3"}),
            ({"maxVersion": "TLSv1.2"}, {"version": "2.0", "protocol": "TLSv1.2"}),
            ({"ALPNProtocols": ["http/1.1"]}, {"version": "1.1", "protocol": "TLSv1.3"}),
        ):
            with self.subTest(**options):
                client = self.caller(self.node(**options))
                told = json.loads(client.request().text)
                self.assertEqual({**told, **seen}, told)
                self.assertEqual((told["proto"], told["name"]), ("https", "localhost"))
                self.assertIn(spiffe("checkout"), told["peer"])

    def test_node_resumes(self):
        for options in ({}, {"maxVersion": "TLSv1.2"}):
            with self.subTest(**options):
                port = self.node(ALPNProtocols=["http/1.1"], **options)
                client = self.caller(port, pool={"requests": 1})
                reused = [json.loads(client.request().text)["reused"] for _ in range(4)]
                self.assertFalse(reused[0])
                self.assertIn(True, reused[1:])

    def test_openssl_s_server(self):
        pair = self.written(self.authority.issue(), "s_server")
        for version in ("-tls1_2", "-tls1_3"):
            with self.subTest(version):
                port = self.started(need_program("openssl", "openssl"), "s_server", "-accept",
                                    "PORT", "-www", version, "-cert", pair["certificate"], "-key",
                                    pair["key"], "-CAfile", self.ca, "-Verify", "4",
                                    "-verify_return_error")
                answer = self.caller(port).request()
                self.assertEqual(answer.status, 200)
                self.assertIn(version.replace("-tls", "TLSv").replace("_", "."), answer.text)
                self.assertIn("Verify return code: 0 (ok)", answer.text)

    def test_python_over_http_2(self):
        h2 = need_module("h2.connection", "python3-h2")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.authority.issue().write(self.directory, "python-h2"))
        context.load_verify_locations(self.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_alpn_protocols(["h2"])
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        threading.Thread(target=_serve_h2, args=(h2, context, listening), daemon=True).start()
        client = self.caller(listening.getsockname()[1])
        for _ in range(3):
            told = json.loads(client.request().text)
            self.assertEqual(told[":scheme"], "https")
        self.assertEqual(client.metric("weir_tls_handshakes_total", direction="outbound"), 1)


class Callers(TlsTest):
    """curl, Node and openssl s_client are in test_tls.py."""

    def test_python_is_served_and_resumes(self):
        weir = self.server()
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.context("python")
            context.maximum_version = newest
            session, resumed = None, []
            for _ in range(3):
                plain = socket.create_connection(("127.0.0.1", weir.inbound_port), 10)
                with context.wrap_socket(plain, session=session) as secured:
                    connection = http.client.HTTPConnection("localhost")
                    connection.sock = secured
                    connection.request("GET", "/")
                    self.assertEqual(connection.getresponse().read() and 200, 200)
                    resumed.append(secured.session_reused)
                    session = secured.session
            self.assertEqual(resumed, [False, True, True])
        self.assertEqual({call["fields"]["x-weir-identity"] for call in self.application.calls()},
                         {spiffe("python")})


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def _serve_h2(h2, context, listening):
    """One connection; answers with the fields of each request."""
    while True:
        try:
            plain, _ = listening.accept()
            secured = context.wrap_socket(plain, server_side=True)
            break
        except ssl.SSLError:
            continue
        except OSError:
            return
    connection = h2.H2Connection(config=h2.H2Configuration(client_side=False))
    connection.initiate_connection()
    secured.sendall(connection.data_to_send())
    while piece := secured.recv(65536):
        for event in connection.receive_data(piece):
            if type(event).__name__ != "RequestReceived":
                continue
            fields = {_text(name): _text(value) for name, value in event.headers}
            connection.send_headers(event.stream_id, [(":status", "200")])
            connection.send_data(event.stream_id, json.dumps(fields).encode(), end_stream=True)
        secured.sendall(connection.data_to_send())


def _text(value):
    return value.decode() if isinstance(value, bytes) else value
