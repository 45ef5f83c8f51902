"""Promise: an application that knows nothing of weir calls others through it, and past it where the
rules say so; and it calls itself past it."""

import json
import sys
from pathlib import Path

from hosts import HAS_IPV6, Network, give
from mesh import WEIR, MeshTest
from needs import need_program
from processes import Process, wait_until

MIRROR = Path(__file__).resolve().parents[1] / "support/mirror.py"
SIDECAR, APPLICATION, SPARED = 2102, 1234, 4321  # users and groups
OPEN, SPARED_PORT, SERVICE = 80, 81, 8080


class OverIPv4(MeshTest):
    """`here` calls `there` and `spared`."""

    family = "v4"
    backend = []

    def setUp(self):
        super().setUp()
        for program in ("curl", "setpriv"):
            need_program(program, program)
        network = Network(self)
        self.here, self.there, self.spared = map(network.host, ("here", "there", "spared"))
        for host, port in ((self.there, OPEN), (self.there, SPARED_PORT), (self.spared, OPEN),
                           (self.here, SERVICE)):
            with host.inside():
                process = Process([sys.executable, MIRROR, "http", port], "mirror")
            self.addCleanup(process.stop)
            host.bound(process.wait_for_port)(port)
        self.weir = self.configure(
            [], routes=[], inbound={"listen": "0.0.0.0:15006", "intercept": "redirect",
                                    "application": f"127.0.0.1:{SERVICE}"},
            outbound={"listen": "127.0.0.1:15001", "intercept": "redirect"})
        self.weir.config["upstreams"] = {}
        self.weir.write(self.weir.config)
        give(self.weir.directory, SIDECAR)
        self.apply()
        self.weir.admin = self.here.bound(self.weir.admin)
        with self.here.inside():
            self.weir.start(SIDECAR)

    def apply(self, *options):
        self.here.run(WEIR, "iptables", "apply", "-c", self.weir.file, *self.backend, *options)

    def curl(self, host, port=OPEN, user=APPLICATION, group=APPLICATION, at=None):
        address = at or getattr(host, self.family)
        address = f"[{address}]" if ":" in address else address
        return json.loads(self.here.run(
            "setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups",
            "curl", "-sS", "--max-time", 5, f"http://{address}:{port}/"))

    def passes_weir(self, *call, **options):
        """Whether weir has had that call: it tells the budget to whoever is next."""
        return "weir-budget-ms" in self.curl(*call, **options)["fields"]

    def test_calls_go_through_weir_unless_they_are_excluded(self):
        self.assertTrue(self.passes_weir(self.there))
        calls = {"port": (self.there, SPARED_PORT), "network": (self.spared,),
                 "user": (self.there, OPEN, SPARED), "group": (self.there, OPEN, 77, SPARED)}
        excluded = {"port": ("--exclude-outbound-ports", SPARED_PORT),
                    "network": ("--exclude-networks", f"{self.spared.v4}/32,{self.spared.v6}"),
                    "user": ("--exclude-users", SPARED), "group": ("--exclude-groups", SPARED)}
        for what, option in excluded.items():
            self.apply(*option)
            for other, call in calls.items():
                self.assertEqual(self.passes_weir(*call), other != what, (what, other))
        self.apply(*(word for option in excluded.values() for word in option))
        self.assertEqual([self.passes_weir(*call) for call in calls.values()], [False] * 4)
        self.assertTrue(self.passes_weir(self.there))

    def test_the_application_calls_itself_past_weir(self):
        for at in (None, "127.0.0.1", "::1" if HAS_IPV6 else "localhost"):
            told = self.curl(self.here, SERVICE, at=at)
            self.assertFalse({"weir-budget-ms", "x-forwarded-for"} & set(told["fields"]), at)

    def test_calls_of_others_arrive_through_weir_and_excluded_ports_past_it(self):
        def ask():
            address = getattr(self.here, self.family)
            address = f"[{address}]" if ":" in address else address
            text = self.there.run("curl", "-sS", "--max-time", 5, f"http://{address}:{SERVICE}/")
            return json.loads(text)
        told = ask()
        self.assertEqual((told["peer"], told["fields"]["x-forwarded-for"]),
                         ("127.0.0.6", getattr(self.there, self.family)))
        self.apply("--exclude-inbound-ports", SERVICE)
        told = ask()
        self.assertEqual(told["peer"], getattr(self.there, self.family))
        self.assertNotIn("x-forwarded-for", told["fields"])

    def test_when_the_rules_go_nobody_passes_weir(self):
        self.here.run(WEIR, "iptables", "remove")
        self.assertFalse(self.passes_weir(self.there))
        self.apply()
        self.assertTrue(self.passes_weir(self.there))
        wait_until(lambda: self.weir.metric("weir_requests_total", direction="outbound") == 1, 5,
                   "the record")


class OverIPv6(OverIPv4):
    family = "v6"

    def setUp(self):
        if not HAS_IPV6:
            self.skipTest("the kernel has no IPv6")
        super().setUp()


class ByNftables(OverIPv4):
    backend = ["--nft"]


if __name__ == "__main__":
    import unittest
    unittest.main()
