"""Promise: behind a weir that intercepts by TPROXY the application sees each caller's own address,
whatever they speak, and weir needs one capability for it and no more."""

import http.client
import itertools
import json
import re
import socket
import ssl
import sys
from pathlib import Path

from certificates import Authority
from hosts import HAS_IPV6, Network, give
from mesh import WEIR, MeshTest
from needs import need_module, need_program
from processes import Process, wait_until

SUPPORT = Path(__file__).resolve().parents[1] / "support"
MIRROR, REDIRECTED = SUPPORT / "mirror.py", SUPPORT / "redirected.py"
SIDECAR, APPLICATION = 2102, 1234  # users
PORT, OPAQUE, ADMIN = 8080, 3306, 9901
NET_ADMIN = 1 << 12
MAY = ["--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin",
       "--bounding-set=-all,+net_admin", "--no-new-privs"]
MAY_NOT = ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]


def told(response):
    text = response.read()
    if response.status != 200:
        raise AssertionError(f"{response.status}: {text}")
    return json.loads(text)


class OverIPv4(MeshTest):
    """`here` has the application and weir; `one` and `two` call."""

    family = "v4"

    def setUp(self):
        super().setUp()
        need_program("setpriv", "util-linux")
        network = Network(self)
        self.here, self.one, self.two = map(network.host, ("here", "one", "two"))
        # The strictest there is; what comes from callers' addresses over lo passes all the same.
        self.here.run("sysctl", "-qw", *(f"net.ipv4.conf.{link}.rp_filter=1"
                                         for link in ("all", "lo", "cable")))
        self.start(MIRROR, "http", PORT)
        self.weir = self.configure(
            [], routes=[], admin={"listen": f"0.0.0.0:{ADMIN}"},
            inbound={"listen": "0.0.0.0:15006", "application": f"127.0.0.1:{PORT}",
                     "intercept": "tproxy", "budget": {"default": "5s"}},
            outbound={"listen": "127.0.0.1:15001", "intercept": "redirect"})
        self.weir.config["upstreams"] = {}
        self.weir.admin_port = ADMIN
        self.weir.admin = self.here.bound(self.weir.admin)
        give(self.weir.directory, SIDECAR)

    def start(self, program, *arguments):
        with self.here.inside():
            process = Process([sys.executable, program, *arguments], program.stem, user=APPLICATION)
        self.addCleanup(process.stop)
        wait_until(self.here.bound(lambda: self.listens(int(str(arguments[-1]).rpartition(":")[2]))),
                   10, f"{program.stem} to listen")

    @staticmethod
    def listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def change(self, **inbound):
        self.weir.config["inbound"].update(inbound)
        self.weir.write(self.weir.config)

    def apply(self):
        self.here.run(WEIR, "iptables", "apply", "-c", self.weir.file)

    def run_weir(self, rights=None):
        """As a user of its own."""
        prefix = ["setpriv", f"--reuid={SIDECAR}", f"--regid={SIDECAR}", "--clear-groups",
                  *(MAY if rights is None else rights)]
        with self.here.inside():
            return self.weir.start(prefix=prefix)

    def begin(self, **inbound):
        self.change(**inbound)
        self.apply()
        self.run_weir()

    def at(self, host):
        return getattr(host, self.family)

    def connect(self, host, **options):
        with host.inside():
            connection = http.client.HTTPConnection(self.at(self.here), PORT, timeout=10, **options)
            connection.connect()
        self.addCleanup(connection.close)
        return connection

    @staticmethod
    def ask(connection, path="/"):
        connection.request("GET", path)
        return told(connection.getresponse())

    def call(self, host, path="/", **options):
        connection = self.connect(host, **options)
        try:
            return self.ask(connection, path)
        finally:
            connection.close()

    def hello(self, host, port):
        """What an application says that speaks first."""
        with host.inside(), socket.create_connection((self.at(self.here), port), 10) as sock:
            text = b"".join(iter(lambda: sock.recv(4096), b""))
        return json.loads(text)

    def test_two_callers_are_seen_each_with_his_own_address(self):
        self.begin()
        status = Path(f"/proc/{self.weir.process.pid}/status").read_text()
        for name in ("CapPrm", "CapEff", "CapBnd"):
            self.assertEqual(int(re.search(rf"{name}:\s*(\w+)", status).group(1), 16), NET_ADMIN)
        kept = {host: self.connect(host) for host in (self.one, self.two)}
        seen = {host: [] for host in kept}
        for _ in range(10):
            for host, connection in kept.items():
                seen[host] += [self.ask(connection), self.call(host)]
        for host, answers in seen.items():
            self.assertEqual({answer["peer"] for answer in answers}, {self.at(host)})
            self.assertEqual(len({answer["connection"] for answer in answers}), 1)
            self.assertEqual(answers[0]["fields"]["x-forwarded-for"], self.at(host))
        self.assertEqual(self.weir.metric("weir_upstream_connections_opened_total"), 2)

    def test_calls_in_http_2_are_seen_with_their_callers_address(self):
        self.begin()
        curl = need_program("curl", "curl")
        url = f"http://{f'[{self.at(self.here)}]' if self.family == 'v6' else self.at(self.here)}"
        for host in (self.one, self.two, self.one):
            text = host.run(curl, "-sS", "--http2-prior-knowledge", f"{url}:{PORT}/")
            self.assertEqual(json.loads(text)["peer"], self.at(host))

    def test_grpc_calls_are_seen_with_their_callers_address(self):
        grpc = need_module("grpc", "python3-grpcio")
        del grpc  # used by programs of their own: it does not like to change hosts
        self.start(MIRROR, "grpc", 8081)
        self.begin(application="127.0.0.1:8081")
        ask = ("import grpc, sys; print(grpc.insecure_channel(sys.argv[1])"
               ".unary_unary('/a.B/C')(b'', timeout=5).decode())")
        host = f"[{self.at(self.here)}]" if self.family == "v6" else self.at(self.here)
        for caller in (self.one, self.two, self.one):
            text = caller.run(sys.executable, "-c", ask, f"{host}:8081")
            self.assertIn(self.at(caller), text.replace("%5B", "[").replace("%5D", "]"))

    def test_opaque_connections_are_seen_with_their_callers_address(self):
        for port in (OPAQUE, 9999):
            self.start(REDIRECTED, "listen", f"[::]:{port}", f"0.0.0.0:{port}")
        self.begin(application=f"127.0.0.1:{OPAQUE}")
        # The application itself, and something else that listens on this host.
        for port, host in itertools.product((OPAQUE, 9999), (self.one, self.two, self.one)):
            answer = self.hello(host, port)
            self.assertEqual((answer["at"], answer["peer"]), (port, self.at(host)))
        self.weir.expect_metric(6, "weir_tunnels_total", direction="inbound")

    def test_probes_reach_the_admin_page_and_nobody_the_listener_itself(self):
        self.begin()
        with self.one.inside():
            connection = http.client.HTTPConnection(self.here.v4, ADMIN, timeout=5)
            connection.request("GET", "/readyz")
            self.assertEqual(connection.getresponse().status, 200)
            for port in (15006, 15001):
                with self.assertRaises((OSError, http.client.HTTPException)):
                    loop = http.client.HTTPConnection(self.at(self.here), port, timeout=5)
                    loop.request("GET", "/")
                    loop.getresponse()
        self.assertEqual(self.weir.metric("weir_connections_refused_total", reason="loop"), 1)
        self.assertEqual(self.call(self.one)["peer"], self.at(self.one))

    def test_the_service_calls_itself_with_and_without_weir(self):
        self.weir.config["upstreams"] = {"itself": {"endpoints": [{"address": f"{self.here.v4}:{PORT}"}]}}
        self.weir.config["routes"] = [{"match": {"host": "itself"}, "to": "itself"}]
        self.begin()
        # Within the host nothing is intercepted.
        self.assertNotIn("x-forwarded-for", self.call(self.here)["fields"])
        with self.here.inside():
            connection = http.client.HTTPConnection("127.0.0.1", 15001, timeout=5)
            connection.request("GET", "/", headers={"Host": "itself"})
            connection.close()  # an explicit call of an intercepting listener is a loop
            asked = ("import http.client; c = http.client.HTTPConnection('203.0.113.7', 80, 5);"
                     "c.request('GET', '/', headers={'Host': 'itself'});"
                     "print(c.getresponse().read().decode())")
            self.here.ip("route", "add", "default", "via", self.one.v4)
            text = self.here.run("setpriv", f"--reuid={APPLICATION}", "--clear-groups",
                                 sys.executable, "-c", asked)
        self.assertEqual(json.loads(text)["peer"], "127.0.0.6")
        for direction in ("inbound", "outbound"):
            self.weir.expect_metric(1, "weir_requests_total", direction=direction)

    def test_more_callers_than_connections_take_turns(self):
        self.begin(upstream={"pool": {"connections": 4, "idle": 2, "idle_timeout": "1s"}})
        width = 24 if self.family == "v4" else 64
        stem = self.at(self.one)[:-1]
        for number in range(11, 21):
            nodad = ["nodad"] if self.family == "v6" else []
            self.one.ip("addr", "add", f"{stem}{number}/{width}", "dev", "cable", *nodad)
        for _, number in itertools.product(range(2), range(11, 21)):
            answer = self.call(self.one, source_address=(f"{stem}{number}", 0))
            self.assertEqual(answer["peer"], f"{stem}{number}")
            self.assertLessEqual(answer["open"], 4)
        # Tunnels and requests share the limit: what is idle goes, what is used stays.
        busy = [self.connect(self.one, source_address=(f"{stem}{number}", 0))
                for number in range(11, 15)]
        for connection in busy:
            connection.request("GET", "/slow/600")
        self.assertEqual([told(one.getresponse())["peer"] for one in busy],
                         [f"{stem}{number}" for number in range(11, 15)])
        self.weir.expect_metric(0, "weir_upstream_connections")

    def test_a_callers_own_ports_are_never_used(self):
        """Else the application's connection and the caller's would have the same four numbers."""
        self.begin()
        # All ports that the kernel here would choose are in use by a caller.
        first, last = 40000, 40005
        self.here.run("sysctl", "-qw", f"net.ipv4.ip_local_port_range={first} {last}")
        connections = [self.connect(self.one, source_address=(self.at(self.one), port))
                       for port in range(first, last + 1)]
        for _ in range(2):
            for connection in connections:
                connection.request("GET", "/slow/100")
            answers = [told(connection.getresponse()) for connection in connections]
            self.assertEqual({answer["peer"] for answer in answers}, {self.at(self.one)})
            self.assertTrue(all(10000 <= answer["port"] < 32768 for answer in answers), answers)
        self.assertEqual(len({answer["port"] for answer in answers}), len(connections))

    def test_behind_mutual_tls_the_application_sees_the_caller(self):
        authority, directory = Authority(), Path(self.weir.directory)
        (directory / "ca.pem").write_text(authority.pem)
        server = authority.issue(spiffe="spiffe://example.org/b").write(directory, "server")
        client = authority.issue(spiffe="spiffe://example.org/a").write(directory, "client")
        self.weir.config["tls"] = {"certificate": str(server[0]), "key": str(server[1]),
                                   "ca": str(directory / "ca.pem"), "trust_domain": "example.org"}
        give(directory, SIDECAR)
        for file in directory.iterdir():
            file.chmod(0o644)
        self.begin(tls="strict")
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.call(self.two)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(cadata=authority.pem)
        context.load_cert_chain(*client)
        for host in (self.one, self.two):
            with host.inside():
                connection = http.client.HTTPSConnection(self.at(self.here), PORT, timeout=10,
                                                         context=context)
                answer = self.ask(connection)
                connection.close()
            self.assertEqual(answer["peer"], self.at(host))
            self.assertEqual(answer["fields"]["x-weir-identity"], "spiffe://example.org/a")

    def test_weir_dies_and_comes_back_behind_the_same_rules(self):
        self.begin()
        self.assertEqual(self.call(self.one)["peer"], self.at(self.one))
        self.weir.process.kill()
        with self.assertRaises(OSError):
            with self.one.inside():
                socket.create_connection((self.at(self.here), PORT), timeout=0.5)
        self.run_weir()
        for host in (self.one, self.two):
            self.assertEqual(self.call(host)["peer"], self.at(host))

    def test_when_the_rules_go_everybody_calls_the_application_itself(self):
        self.begin()
        self.call(self.one)
        self.assertIn("fwmark 0x836 lookup 2102", self.here.ip("rule", "show"))
        self.here.run(WEIR, "iptables", "remove")
        for version in ("-4", "-6"):
            self.assertNotIn("2102", self.here.ip(version, "rule", "show"))
            self.assertEqual(self.here.ip(version, "route", "show", "table", "all").count("2102"), 0)
        answer = self.call(self.one)
        self.assertEqual(answer["peer"], self.at(self.one))
        self.assertNotIn("x-forwarded-for", answer["fields"])

    def test_a_reload_changes_the_way_in_and_loses_nobody(self):
        self.weir.config["process"] = {"workers": 2}
        self.begin(intercept="redirect")
        with self.one.inside():
            load = self.load(PORT, address=self.here.v4, rate=200, connections=4)
        for mode, expected in (("tproxy", self.at(self.two)), ("redirect", "127.0.0.6")) * 2:
            self.change(intercept=mode)
            self.weir.reload()
            self.assertEqual(self.weir.metric("weir_config_last_reload_successful"), 1)
            self.call(self.two)  # the rules are still those of before
            self.apply()
            self.assertEqual(self.call(self.two)["peer"], expected, mode)
        rows = load.stop()
        self.assertGreater(len(rows), 20)
        self.assertEqual([row for row in rows if row.status != 200], [])

    def test_without_the_capability_a_reload_or_a_start_is_refused(self):
        self.begin_without("redirect")
        self.change(intercept="tproxy")
        self.weir.reload()
        self.assertEqual(self.weir.metric("weir_config_last_reload_successful"), 0)
        self.assertEqual(self.call(self.one)["fields"]["x-forwarded-for"], self.at(self.one))
        self.weir.process.stop()
        with self.assertRaisesRegex(RuntimeError, "CAP_NET_ADMIN.*redirect. does not"):
            self.run_weir(MAY_NOT)

    def begin_without(self, mode):
        self.change(intercept=mode)
        self.apply()
        self.run_weir(MAY_NOT)


class OverIPv6(OverIPv4):
    family = "v6"

    def setUp(self):
        if not HAS_IPV6:
            self.skipTest("the kernel has no IPv6")
        super().setUp()


if __name__ == "__main__":
    import unittest
    unittest.main()
