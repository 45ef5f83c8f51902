"""Promise: on hosts of their own, services that know nothing of their sidecars call each other over
mutual TLS, and no user notices that an instance, a sidecar or a cable is gone."""

import http.client
import json
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import relay
from certificates import Authority
from hosts import HAS_IPV6, Host, Network, give
from mesh import IN_TURN, WEIR, Instance, MeshTest, Weir
from processes import Process, wait_until

SUPPORT = Path(__file__).resolve().parents[1] / "support"
RELAY, TALKERS = SUPPORT / "relay.py", SUPPORT / "talkers.py"
SIDECAR, APPLICATION = 2102, 1234  # users
HTTP, DATABASE = 8080, 3306  # ports
DOMAIN = "example.org"


def spiffe(name, domain=DOMAIN):
    return f"spiffe://{domain}/ns/shop/sa/{name}"


@dataclass
class Callee:
    host: Host
    instance: Instance
    weir: Weir


class Mesh(MeshTest):
    """`a` calls the addresses of `b1` and `b2`, which are one service; `outside` has no sidecar."""

    family = "v4"

    def setUp(self):
        super().setUp()
        network = Network(self)
        self.a, b1, b2, self.outside = map(network.host, ("a", "b1", "b2", "outside"))
        self.authority = Authority()
        self.certificates = 0
        self.callees = [self.callee(host, name) for host, name in ((b1, "b1"), (b2, "b2"))]
        self.start(self.a, RELAY, HTTP).wait_for_port(HTTP)
        self.caller = self.sidecar(self.a, "a", "permissive", upstreams={
            "catalog": {"endpoints": [{"address": self.at(host)} for host in (b1, b2)],
                        "tls": {"identities": spiffe("b")}, "protocol": "http/2", **IN_TURN},
            "accounts": {"endpoints": [{"address": self.at(host, DATABASE)} for host in (b1, b2)]},
        })

    def callee(self, host, name):
        with host.inside():
            instance = self.instance(name, HTTP, user=APPLICATION)
        for function in ("calls", "clear", "mode"):
            setattr(instance, function, host.bound(getattr(instance, function)))
        return Callee(host, instance, self.sidecar(host, "b", "strict"))

    def sidecar(self, host, identity, tls, upstreams=None):
        """A transparent weir on that host: rules by root, weir as a user of its own."""
        with host.inside():
            weir = self.configure(
                [], routes=[], tls=self.member(identity),
                inbound={"listen": "0.0.0.0:15006", "application": f"127.0.0.1:{HTTP}",
                         "intercept": "redirect", "tls": tls, "budget": {"default": "2s"}},
                outbound={"listen": "127.0.0.1:15001", "intercept": "redirect"})
            weir.config["upstreams"] = upstreams or {}
            weir.write(weir.config)
            give(weir.directory, SIDECAR)
            host.run(WEIR, "iptables", "apply", "-c", weir.file, "--user", SIDECAR)
            weir.admin = host.bound(weir.admin)
            return weir.start(SIDECAR)

    def issue(self, identity, domain=DOMAIN, authority=None):
        self.certificates += 1
        pair = (authority or self.authority).issue(spiffe=spiffe(identity, domain))
        return pair.write(self.directory, f"certificate-{self.certificates}")

    def member(self, identity):
        certificate, key = self.issue(identity)
        ca = Path(self.directory) / "ca.pem"
        ca.write_text(self.authority.pem)
        return {"certificate": str(certificate), "key": str(key), "ca": str(ca),
                "trust_domain": DOMAIN}

    def start(self, host, program, *arguments):
        """A Python program of the application on that host, with wait_for_port() there."""
        with host.inside():
            process = Process([sys.executable, program, *arguments], program.stem, user=APPLICATION)
        self.addCleanup(process.stop)
        process.wait_for_port = host.bound(process.wait_for_port)
        return process

    def at(self, host, port=HTTP):
        return f"{host.v4}:{port}" if self.family == "v4" else f"[{host.v6}]:{port}"

    def url(self, host):
        return f"http://{self.at(host)}/"

    def ask(self, target, fields=None, by=None):
        """What the application `a` got, and what the call gave that it made to that host. It is
        asked on its own host, past its sidecar, unless `by` somebody else."""
        asked = self.url(self.a) if by else f"http://127.0.0.1:{HTTP}/"
        told = (by or self.a).bound(relay.call)(asked + quote(self.url(target), ""), fields or {})
        self.assertEqual(told.get("status"), 200, told)
        return json.loads(told["text"])

    def seen(self):
        """The requests that the applications `b` have got."""
        return [call["fields"] for one in self.callees for call in one.instance.calls()]

    def records(self, weir, direction, count=1):
        def found():
            text = weir.log_file.read_text() if weir.log_file.exists() else ""
            lines = [json.loads(line) for line in text.splitlines(keepends=True)
                     if line.endswith("\n")]
            return [line for line in lines if line["direction"] == direction]
        wait_until(lambda: len(found()) >= count, 5, f"{count} {direction} records")
        return found()

    def change(self, callee, **inbound):
        callee.weir.config["inbound"].update(inbound)
        callee.weir.reload(callee.weir.config)

    def traffic(self, rate):
        """Users of `a`'s host that call the address of `b1`; both instances get their share."""
        host = self.callees[0].host
        with self.a.inside():
            load = self.load(HTTP, user=APPLICATION, address=getattr(host, self.family),
                             host=self.at(host), rate=rate, budget_ms=2000)
        wait_until(lambda: len({row.instance for row in load.so_far()[-20:]}) == 2, 10,
                   "both instances to answer")
        return load

    def wait_for_only(self, name, load):
        """Until nobody else has answered for a while, in which the other one is tried again."""
        def last():
            return {row.instance for row in load.so_far()[-120:]}
        wait_until(lambda: last() == {name}, 20, f"{name} to serve alone")

    def assert_all_answered(self, load):
        """And that it was not by chance: some had to be saved."""
        rows = load.stop()
        self.assertEqual([row for row in rows if row.status != 200], [])
        records = self.records(self.caller, "outbound", len(rows))
        self.assertTrue(any(len(record["attempts"]) == 2 for record in records))


class OverIPv4(Mesh):
    def test_a_plain_call_arrives_as_one_of_a_known_caller(self):
        told = self.ask(self.callees[0].host, {"call-x-weir-identity": spiffe("admin")})
        self.assertEqual(told["status"], 200, told)
        fields = self.seen()[0]
        self.assertEqual(fields["x-weir-identity"], spiffe("a"))
        self.assertTrue(fields["tracestate"].startswith("weir="), fields)
        arrived = [record for one in self.callees if one.instance.count()
                   for record in self.records(one.weir, "inbound")]
        self.assertEqual([(record["caller"], record["protocol"]) for record in arrived],
                         [(spiffe("a"), "HTTP/2")])
        self.assertEqual(self.records(self.caller, "outbound")[0]["upstream"], "catalog")

    def test_the_budget_shrinks_at_every_hop(self):
        told = self.ask(self.callees[0].host, by=self.outside)
        self.assertEqual(told["status"], 200, told)
        arrived = next(record for one in self.callees if one.instance.count()
                       for record in self.records(one.weir, "inbound"))
        left, called = (self.records(self.caller, way)[0] for way in ("inbound", "outbound"))
        (last,) = self.seen()
        budgets = [left["budget_ms"], float(told["fields"]["weir-budget-ms"]), called["budget_ms"],
                   arrived["budget_ms"], float(last["weir-budget-ms"])]
        self.assertEqual(budgets[0], 2000)
        self.assertEqual(budgets, sorted(set(budgets), reverse=True))
        self.assertEqual((called["budget_source"], arrived["budget_source"]), ("exact", "header"))
        trace = told["fields"]["traceparent"].split("-")[1]
        self.assertEqual(last["traceparent"].split("-")[1], trace)
        self.assertNotEqual(last["tracestate"], told["fields"]["tracestate"])

    def test_what_the_caller_grants_is_a_limit(self):
        self.ask(self.callees[0].host, {"call-weir-budget-ms": "700"})
        self.assertLess(int(self.seen()[0]["weir-budget-ms"]), 700)

    def test_an_application_dies_and_nobody_notices(self):
        load = self.traffic(100)
        self.callees[0].instance.process.kill()
        self.wait_for_only("b2", load)
        self.assert_all_answered(load)

    def test_a_sidecar_dies_and_nobody_notices(self):
        load = self.traffic(100)
        self.callees[0].weir.process.kill()
        self.wait_for_only("b2", load)
        self.assert_all_answered(load)

    def test_a_cable_is_cut_and_mended_and_nobody_notices(self):
        load = self.traffic(40)
        self.callees[0].host.cut()
        self.wait_for_only("b2", load)
        self.callees[0].host.mend()
        wait_until(lambda: "b1" in {row.instance for row in load.so_far()[-10:]}, 30,
                   "b1 to serve again")
        self.assert_all_answered(load)

    def test_plain_text_from_outside_is_taken_only_where_policy_says_so(self):
        callee = self.callees[0]
        call = self.outside.bound(relay.call)
        claims = {"x-weir-identity": spiffe("a"), "weir-budget-ms": "100"}
        self.assertIn("problem", call(self.url(callee.host), claims))
        self.assertEqual(self.seen(), [])
        callee.weir.expect_metric(1, "weir_tls_handshake_failures_total", direction="inbound")
        self.change(callee, tls="permissive")
        self.assertEqual(call(self.url(callee.host), claims).get("status"), 200)
        (fields,) = self.seen()
        self.assertNotIn("x-weir-identity", fields)
        self.assertGreater(int(fields["weir-budget-ms"]), 100)
        self.assertEqual(self.ask(callee.host)["status"], 200)
        self.assertEqual(self.seen()[-1]["x-weir-identity"], spiffe("a"))

    def secured(self, callee, certificate):
        """The status that somebody outside gets who shows that certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(cadata=self.authority.pem)
        context.load_cert_chain(*certificate)
        with self.outside.inside():
            connection = http.client.HTTPSConnection(getattr(callee.host, self.family), HTTP,
                                                     timeout=10, context=context)
            try:
                connection.request("GET", "/")
                return connection.getresponse().status
            finally:
                connection.close()

    def test_strangers_with_certificates_get_no_further(self):
        callee = self.callees[0]
        self.change(callee, authorization={"default": "deny",
                                           "rules": [{"allow": f"spiffe://{DOMAIN}/*"}]})
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.secured(callee, self.issue("a", authority=Authority("stranger")))
        callee.weir.expect_metric(1, "weir_tls_handshake_failures_total", reason="untrusted")
        self.assertEqual(self.secured(callee, self.issue("a", domain="elsewhere.org")), 403)
        self.assertEqual(self.seen(), [])
        self.assertEqual(self.secured(callee, self.issue("colleague")), 200)
        self.assertEqual(self.seen()[0]["x-weir-identity"], spiffe("colleague"))

    def converse(self, port, text):
        host = getattr(self.callees[0].host, self.family)
        return self.a.run(sys.executable, TALKERS, "call", APPLICATION, host, port, text)

    def serve(self, address, mode):
        for callee in self.callees:
            process = self.start(callee.host, TALKERS, "serve", address, mode)
            process.wait_for_port(int(address.rpartition(":")[2]))

    def serve_database(self):
        self.serve(f"{'0.0.0.0' if self.family == 'v4' else '[::]'}:{DATABASE}", "greet")

    def test_other_ports_are_closed_where_callers_have_to_use_tls(self):
        self.serve_database()
        with self.assertRaisesRegex(AssertionError, "ConnectionResetError"):
            self.converse(DATABASE, "QUIT")
        refused = [one.weir.metric("weir_connections_refused_total", direction="inbound",
                                   reason="unmatched") for one in self.callees]
        self.assertGreaterEqual(sum(refused), 1)

    def test_a_database_s_bytes_go_through_both(self):
        for callee in self.callees:
            self.change(callee, intercept={"mode": "redirect", "unmatched": "pass_through"})
        self.serve_database()
        self.assertEqual(self.converse(DATABASE, "QUIT"), "220 at your service\nQUIT")
        (left,) = self.records(self.caller, "outbound")
        self.assertEqual((left["protocol"], left["upstream"], left["end"]),
                         ("tcp", "accounts", "closed"))
        self.assertEqual(left["destination"], self.at(self.callees[0].host, DATABASE))
        wait_until(lambda: sum(one.weir.metric("weir_tunnels_total", direction="inbound")
                               for one in self.callees) == 1, 5, "the tunnel's end")
        self.callees[0].weir.process.kill()
        for _ in range(6):
            self.assertEqual(self.converse(DATABASE, "QUIT"), "220 at your service\nQUIT")

    def test_what_is_not_http_goes_through_both_over_mutual_tls(self):
        for callee in self.callees:
            callee.instance.process.kill()
            callee.weir.config["inbound"]["intercept"] = {"mode": "redirect",
                                                          "opaque_ports": [HTTP]}
            callee.weir.reload(callee.weir.config)
        self.serve(f"127.0.0.1:{HTTP}", "echo")
        self.assertEqual(self.converse(HTTP, "\x01binary"), "\x01binary")
        self.assertEqual(self.caller.metric("weir_tls_handshakes_total", direction="outbound"), 1)
        self.assertEqual(self.records(self.caller, "outbound")[0]["protocol"], "tcp")


class OverIPv6(OverIPv4):
    family = "v6"

    def setUp(self):
        if not HAS_IPV6:
            self.skipTest("the kernel has no IPv6")
        super().setUp()


del Mesh
