"""Promise: what is not HTTP goes through as it came, to an instance that is there."""

import json
import signal
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path

from mesh import IN_TURN, NO_EJECTION, MeshTest
from needs import need_program
from processes import free_port, wait_until
from talkers import Talker, call, echo, greet, read_all, reset, silent, sink

TALKERS = Path(__file__).resolve().parent.parent / "support" / "talkers.py"
MIB = 1 << 20


class TunnelTest(MeshTest):
    def talker(self, behave, port=0):
        talker = Talker(behave, port)
        self.addCleanup(talker.stop)
        return talker

    def tunnel(self, endpoints, upstream=None, **sections):
        """A weir with a port that leads to those endpoints, and the port."""
        port = free_port()
        options = {**NO_EJECTION, **IN_TURN, "failover": {"minimum_per_second": 100},
                   **(upstream or {})}
        weir = self.configure(endpoints, options, **sections)
        weir.config["outbound"]["tcp"] = [{"listen": f"127.0.0.1:{port}", "to": "catalog"}]
        weir.write(weir.config)
        return weir.start(), port

    def connect(self, port):
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.addCleanup(sock.close)
        return sock

    def last_record(self, weir, lines=1):
        return json.loads(weir.log(lines)[-1])


class Tunnels(TunnelTest):
    def test_a_dead_instance_is_not_noticed(self):
        dead = f"127.0.0.1:{free_port()}"
        weir, port = self.tunnel([dead, self.talker(echo).address])
        for _ in range(10):
            self.assertEqual(call("127.0.0.1", port, b"hello"), b"hello")
        weir.expect_metric(10, "weir_tunnels_total", upstream="catalog", end="closed")
        self.assertGreaterEqual(weir.metric("weir_failovers_total", result="success"), 4)
        self.assertEqual(weir.metric("weir_tunnel_bytes_total", **{"from": "caller"}), 50)
        self.assertEqual(weir.metric("weir_tunnels"), 0)
        records = [json.loads(line) for line in weir.log(10)]
        self.assertTrue(all(record["protocol"] == "tcp" for record in records))
        twice = next(record for record in records if len(record["attempts"]) == 2)
        self.assertEqual(twice["attempts"][0]["endpoint"], dead)
        self.assertEqual(twice["attempts"][0]["failure"], "connect_refused")
        self.assertEqual((twice["end"], twice["upstream"]), ("closed", "catalog"))

    def test_nobody_there_is_a_reset_and_counted(self):
        weir, port = self.tunnel([f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"])
        with self.assertRaises(ConnectionResetError):
            read_all(self.connect(port))
        record = self.last_record(weir)
        self.assertEqual((record["end"], record["failure"]), ("not_established", "connect_refused"))

    def test_a_server_that_speaks_first_is_heard(self):
        _, port = self.tunnel([self.talker(greet).address])
        sock = self.connect(port)
        self.assertEqual(sock.recv(100), b"220 at your service\n")
        sock.sendall(b"QUIT")
        self.assertEqual(sock.recv(100), b"QUIT")

    def test_bulk_goes_through_whole_in_both_directions(self):
        weir, port = self.tunnel([self.talker(echo).address])
        pattern = bytes(range(256)) * 4096  # 1 MiB
        sock = self.connect(port)

        def send():
            for _ in range(64):
                sock.sendall(pattern)
            sock.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = read_all(sock)
        sender.join()
        self.assertEqual(len(received), 64 * MIB)
        self.assertEqual(received, pattern * 64)
        weir.expect_metric(64 * MIB, "weir_tunnel_bytes_total", **{"from": "upstream"})
        before = weir.descriptors()
        self.assertLess(before, 60, "pipes are given back")

    def test_a_half_closed_side_stays_open_the_other_way(self):
        _, port = self.tunnel([self.talker(sink).address])
        self.assertEqual(call("127.0.0.1", port, b"x" * 5 * MIB), str(5 * MIB).encode())

    def test_a_reset_goes_on_as_a_reset(self):
        def reset_after_one(sock):
            sock.recv(1)
            reset(sock)

        weir, port = self.tunnel([self.talker(reset_after_one).address])
        sock = self.connect(port)
        sock.sendall(b"x")
        with self.assertRaises(ConnectionResetError):
            read_all(sock)
        self.assertEqual(self.last_record(weir)["end"], "upstream_reset")

    def test_a_reset_hides_nothing_that_was_carried(self):
        def reset_after_much(sock):
            sock.recv(1)
            sock.sendall(bytes(MIB))
            sock.recv(1)
            reset(sock)

        weir, port = self.tunnel([self.talker(reset_after_much).address])
        sock = self.connect(port)
        sock.sendall(b"x")
        received = 0
        while received < MIB:
            received += len(sock.recv(1 << 16))
        sock.sendall(b"y")
        with self.assertRaises(ConnectionResetError):
            read_all(sock)
        self.last_record(weir)
        weir.expect_metric(MIB, "weir_tunnel_bytes_total", **{"from": "upstream"})

    def test_urgent_bytes_go_in_their_place_and_hold_nothing_up(self):
        _, port = self.tunnel([self.talker(echo).address])
        sock = self.connect(port)
        for _ in range(20):
            sock.sendall(b"before")
            sock.send(b"!", socket.MSG_OOB)
            sock.sendall(b"after")
            echoed = b""
            while len(echoed) < len(b"before!after"):
                echoed += sock.recv(100)
            self.assertEqual(echoed, b"before!after")

    def test_idle_and_age_are_limits(self):
        server = self.talker(silent)
        weir, port = self.tunnel([server.address], {"tunnel": {"idle": "300ms"}})
        with self.assertRaises(ConnectionResetError):
            read_all(self.connect(port))
        self.assertEqual(self.last_record(weir)["end"], "idle")
        weir, port = self.tunnel([server.address], {"tunnel": {"maximum_age": "300ms"}})
        with self.assertRaises(ConnectionResetError):
            read_all(self.connect(port))
        self.assertEqual(self.last_record(weir)["end"], "age")

    def test_an_instance_killed_midway_ends_its_tunnels_and_no_others(self):
        servers = [self.talker(echo), self.talker(echo)]
        weir, port = self.tunnel([server.address for server in servers])
        socks = [self.connect(port), self.connect(port)]
        for sock in socks:
            sock.sendall(b"hello")
            self.assertEqual(sock.recv(100), b"hello")
        self.assertEqual([len(server.connections) for server in servers], [1, 1])
        servers[0].stop()
        reset(servers[0].connections[0])
        outcomes = []
        for sock in socks:
            try:
                sock.sendall(b"still there?")
                outcomes.append(sock.recv(100))
            except ConnectionError:
                outcomes.append(None)
        self.assertCountEqual(outcomes, [b"still there?", None])
        self.assertEqual(call("127.0.0.1", port, b"new"), b"new")
        self.assertEqual(weir.metric("weir_tunnels", direction="outbound"), 1)

    def test_a_drain_waits_for_tunnels_and_not_for_ever(self):
        weir, port = self.tunnel([self.talker(echo).address], process={"drain": "2s"})
        leaving, staying = self.connect(port), self.connect(port)
        for sock in (leaving, staying):
            sock.sendall(b"a")
            self.assertEqual(sock.recv(1), b"a")
        weir.process.signal(signal.SIGTERM)
        wait_until(lambda: not _listens(port), 5, "the listener to close")
        leaving.sendall(b"b")
        self.assertEqual(leaving.recv(1), b"b")
        leaving.shutdown(socket.SHUT_WR)
        self.assertEqual(read_all(leaving), b"")
        with self.assertRaises(ConnectionResetError):
            read_all(staying)
        self.assertEqual(weir.process.wait(10), 0)
        ends = [json.loads(line)["end"] for line in weir.log(2)]
        self.assertEqual(ends.count("drain"), 1)
        self.assertEqual(set(ends), {"closed", "drain"})

    def test_a_reload_adds_and_takes_away_ports(self):
        one, two = self.talker(greet), self.talker(echo)
        weir, port = self.tunnel([one.address])
        self.assertTrue(call("127.0.0.1", port, b"").startswith(b"220"))
        sock = self.connect(port)
        self.assertTrue(sock.recv(100))
        another = free_port()
        weir.config["upstreams"]["catalog"]["endpoints"] = [{"address": two.address}]
        weir.config["outbound"]["tcp"] = [{"listen": f"127.0.0.1:{another}", "to": "catalog"}]
        weir.reload(weir.config)
        wait_until(lambda: not _listens(port), 5, "the old port to close")
        self.assertEqual(call("127.0.0.1", another, b"hello"), b"hello")
        sock.sendall(b"as before")
        self.assertEqual(sock.recv(100), b"as before")

    def test_operators_see_tunnels(self):
        weir, port = self.tunnel([self.talker(echo).address])
        sock = self.connect(port)
        sock.sendall(b"a")
        sock.recv(1)
        self.assertEqual(weir.metric("weir_tunnels", direction="outbound"), 1)
        self.assertIn('"tcp', weir.admin("/status.json").text.replace('"request": ', ""))


class Detection(TunnelTest):
    """Permissive and strict TLS on the inbound listener."""

    def secured(self, mode):
        openssl = need_program("openssl", "openssl")
        directory = Path(self.directory)
        subprocess.run([openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", directory / "key.pem", "-out", directory / "cert.pem"],
                       check=True, capture_output=True)
        instance = self.instance()
        return self.weir([instance], inbound={
            "application": instance.address,
            "tls": {"mode": mode, "client": "none",
                    "certificates": [{"certificate": str(directory / "cert.pem"),
                                      "key": str(directory / "key.pem")}]}})

    def curl(self, weir, scheme, *options):
        return subprocess.run(
            [need_program("curl", "curl"), "-sS", "--max-time", "10", "-o", "/dev/null", "-w",
             "%{http_code} %{http_version}", *options,
             f"{scheme}://127.0.0.1:{weir.inbound_port}/1"], capture_output=True, text=True,
            check=False)

    def test_permissive_takes_both(self):
        weir = self.secured("permissive")
        trust = ["--cacert", f"{self.directory}/cert.pem"]
        self.assertEqual(self.curl(weir, "http").stdout, "200 1.1")
        self.assertEqual(self.curl(weir, "https", *trust).stdout, "200 2")
        self.assertEqual(self.curl(weir, "https", "--http1.1", *trust).stdout, "200 1.1")
        weir.expect_metric(2, "weir_connections_detected_total", kind="tls")
        weir.expect_metric(1, "weir_connections_detected_total", kind="http_1")
        self.assertEqual(weir.metric("weir_tls_handshakes_total", direction="inbound"), 2)

    def test_strict_takes_tls_alone(self):
        weir = self.secured("strict")
        self.assertNotEqual(self.curl(weir, "http").returncode, 0)
        trust = ["--cacert", f"{self.directory}/cert.pem"]
        self.assertEqual(self.curl(weir, "https", *trust).stdout, "200 2")
        weir.expect_metric(1, "weir_tls_handshake_failures_total", direction="inbound")

    def test_a_connection_that_says_nothing_is_let_go(self):
        weir = self.secured("strict")
        weir.config["inbound"]["tls"]["handshake_timeout"] = "300ms"
        weir.reload(weir.config)
        sock = self.connect(weir.inbound_port)
        self.assertEqual(sock.recv(1), b"")
        weir.expect_metric(1, "weir_tls_handshake_failures_total", reason="timeout")


class Intercepted(TunnelTest):
    """A rule of iptables in a network namespace of its own sends one user's calls to weir."""

    UID = 60_321

    def setUp(self):
        super().setUp()
        self.ip = need_program("ip", "iproute2")
        iptables = need_program("iptables", "iptables")
        need_program("nsenter", "util-linux")
        self.namespace = f"weir-{free_port()}"
        try:
            self._run(self.ip, "netns", "add", self.namespace)
        except subprocess.CalledProcessError as problem:
            raise unittest.SkipTest(f"network namespaces: {problem.stderr}") from problem
        self.addCleanup(self._run, self.ip, "netns", "delete", self.namespace)
        self.inside(self.ip, "link", "set", "lo", "up")
        self.inside(self.ip, "address", "add", "10.9.0.1/32", "dev", "lo")
        self.port = free_port()
        try:
            self.inside(iptables, "-w", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-d",
                        "10.9.0.0/24", "-m", "owner", "--uid-owner", str(self.UID), "-j",
                        "REDIRECT", "--to-ports", str(self.port))
        except subprocess.CalledProcessError as problem:
            raise unittest.SkipTest(f"iptables: {problem.stderr}") from problem

    def _run(self, *command):
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)

    def inside(self, *command):
        return self._run(self.ip, "netns", "exec", self.namespace, *command)

    def start(self, *command):
        process = subprocess.Popen([self.ip, "netns", "exec", self.namespace, *command],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def serve(self, port, mode, host="10.9.0.1"):
        self.start(sys.executable, str(TALKERS), "serve", f"{host}:{port}", mode)
        wait_until(lambda: f":{port:04X} " in self.inside("cat", "/proc/net/tcp").stdout, 10,
                   "a server")

    def dial(self, port, text=""):
        """What that user gets from 10.9.0.1."""
        return subprocess.run(
            [self.ip, "netns", "exec", self.namespace, sys.executable, str(TALKERS), "call",
             str(self.UID), "10.9.0.1", str(port), text], capture_output=True, text=True,
            timeout=30, check=False)

    def outbound(self, unmatched="pass_through"):
        return {
            "outbound": {"listen": f"127.0.0.1:{self.port}",
                         "intercept": {"mode": "redirect", "unmatched": unmatched,
                                       "opaque_ports": [3306], "detection": "200ms"}},
            "upstreams": {"known": {"endpoints": [{"address": "10.9.0.1:7001"}],
                                    "addresses": ["10.9.0.2:7000"]}},
        }

    def weir_inside(self, sections=None):
        from mesh import WEIR
        log = Path(self.directory) / "access.log"
        config = {
            "service": {"name": "test"},
            "admin": {"listen": f"127.0.0.1:{free_port()}"},
            **(sections or self.outbound()),
            "access_log": {"path": str(log), "format": "json"},
        }
        file = Path(self.directory) / "weir.yaml"
        file.write_text(json.dumps(config))
        self.process = self.start(str(WEIR), "run", "-c", str(file))
        wait_until(lambda: f":{self.port:04X} " in self.inside("cat", "/proc/net/tcp").stdout, 10,
                   "weir to listen")
        return log

    def records(self, log, count):
        wait_until(lambda: log.exists() and log.read_text().count("\n") >= count, 5, "records")
        return [json.loads(line) for line in log.read_text().splitlines()]

    def test_everything_goes_where_it_was_going(self):
        self.serve(3306, "greet")   # an opaque port: the server speaks first
        self.serve(4000, "greet")   # the same, found out by silence
        self.serve(7001, "echo")    # of an upstream
        log = self.weir_inside()
        self.assertEqual(self.dial(3306).stdout, "220 at your service\n")
        self.assertEqual(self.dial(4000).stdout, "220 at your service\n")
        self.assertEqual(self.dial(7001, "\x01binary").stdout, "\x01binary")
        tunnels = self.records(log, 3)
        self.assertEqual([record["upstream"] for record in tunnels],
                         ["passthrough", "passthrough", "known"])
        self.assertEqual(tunnels[0]["destination"], "10.9.0.1:3306")

    def test_http_without_a_route_passes_through(self):
        self.serve(8000, "sink")
        log = self.weir_inside()
        self.dial(8000, "GET /x HTTP/1.1\r\nHost: unknown\r\n\r\n")
        record = self.records(log, 1)[0]
        self.assertEqual((record["upstream"], record["target"]), ("passthrough", "/x"))

    def test_what_is_not_known_is_refused_where_policy_says_so(self):
        self.serve(3306, "greet")
        self.serve(7001, "echo")
        log = self.weir_inside(self.outbound("refuse"))
        self.assertIn("ConnectionResetError", self.dial(3306).stderr)
        self.assertEqual(self.dial(7001, "\x01binary").stdout, "\x01binary")
        self.assertEqual(self.records(log, 2)[0]["failure"], "no_route")

    def test_what_only_the_application_reads_as_a_request_is_no_way_around_weir(self):
        self.serve(8080, "echo", host="127.0.0.1")
        self.weir_inside({"inbound": {"listen": f"0.0.0.0:{self.port}", "intercept": "redirect",
                                      "application": "127.0.0.1:8080"}})
        self.assertEqual(self.dial(8080, "\x01binary").stdout, "\x01binary")
        answer = self.dial(8080, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n").stdout
        self.assertTrue(answer.startswith("HTTP/1.1 400 "), answer)

    def test_a_connection_to_weir_itself_is_a_loop(self):
        self.weir_inside()
        answer = self.inside(sys.executable, "-c", (
            "import socket\n"
            f"s = socket.create_connection(('127.0.0.1', {self.port}), timeout=5)\n"
            "try: print(s.recv(1))\n"
            "except ConnectionResetError: print('reset')\n"))
        self.assertIn(answer.stdout.strip(), ("b''", "reset"))


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
