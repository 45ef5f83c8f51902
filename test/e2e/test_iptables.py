"""Promise: the kernel's rules bring what was asked for to weir, and leave nothing behind."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from mesh import WEIR
from needs import need_program
from processes import Process, wait_until

PEER = Path(__file__).parents[1] / "support/redirected.py"
CALLER, ROOT, USER, SPARED = 1234, 0, 2102, 4321  # users; 2102 is weir's
FILE = """\
service: { name: legacy }
inbound: { listen: "0.0.0.0:15006", application: "127.0.0.1:8080", intercept: MODE }
outbound: { listen: "127.0.0.1:15001", intercept: redirect }
"""


def run(*command, check=True, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=30, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done


class Namespaces(unittest.TestCase):
    """Two hosts and a cable: `here` is the application's, `there` everything else."""

    environment = []

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("network namespaces need root")
        for program, package in (("ip", "iproute2"), ("iptables", "iptables"), ("nft", "nftables")):
            need_program(program, package)
        self.here, self.there = f"weir-a-{os.getpid()}", f"weir-b-{os.getpid()}"
        for name in (self.here, self.there):
            made = run("ip", "netns", "add", name, check=False)
            if made.returncode != 0:
                self.skipTest(f"no network namespace to be had: {made.stderr}")
            self.addCleanup(run, "ip", "netns", "delete", name)
        run("ip", "-n", self.here, "link", "add", "cable", "type", "veth", "peer", "name", "cable",
            "netns", self.there)
        for name, host in ((self.here, 1), (self.there, 2)):
            # Link-local addresses would come and go among what the kernel holds.
            run("ip", "-n", name, "link", "set", "cable", "addrgenmode", "none")
            for command in (f"addr add 10.77.0.{host}/24 dev cable",
                            f"addr add fd77::{host}/64 dev cable nodad",
                            "link set cable up", "link set lo up"):
                run("ip", "-n", name, *command.split())
            # As on most machines; a strict reverse path filter would need more for tproxy.
            run(*self.within(name), "sh", "-c",
                "for link in all lo cable; do"
                " echo 0 > /proc/sys/net/ipv4/conf/$link/rp_filter; done")
        run("ip", "-n", self.here, "route", "add", "default", "via", "10.77.0.2")
        run("ip", "-n", self.here, "-6", "route", "add", "default", "via", "fd77::2")
        self.listen(self.there, "0.0.0.0:80", "[::]:80", "0.0.0.0:53", "0.0.0.0:3306")
        self.file = Path(f"/tmp/{self.here}.yaml")
        self.addCleanup(self.file.unlink, missing_ok=True)
        self.write("redirect")

    def write(self, mode):
        self.file.write_text(FILE.replace("MODE", mode))

    @staticmethod
    def within(name):
        return ["ip", "netns", "exec", name]

    def listen(self, name, *addresses):
        process = Process([*self.within(name), sys.executable, PEER, "listen", *addresses], name)
        self.addCleanup(process.stop)
        wait_until(lambda: "listening" in process.output(), 10, "the listeners to start")

    def dial(self, user, host, port, *source, name=None):
        done = run(*self.within(name or self.here), sys.executable, PEER, "dial", user, host, port,
                   *source)
        return json.loads(done.stdout)

    def weir(self, *arguments, check=True, prefix=()):
        return run(*self.within(self.here), *self.environment, *prefix, WEIR, "iptables",
                   *arguments, check=check)

    def apply(self, *arguments, **more):
        return self.weir("apply", "-c", self.file, *self.backend, *arguments, **more)

    def rules(self):
        """Everything that the kernel holds, without counters, dates and empty chains."""
        text = ""
        for command in ("iptables-save", "ip6tables-save", "iptables-legacy-save",
                        "ip6tables-legacy-save", "nft list ruleset", "ip rule show",
                        "ip -6 rule show", "ip route show table all", "ip -6 route show table all"):
            if shutil.which(command.split()[0]) is None:
                continue
            for line in run(*self.within(self.here), *command.split()).stdout.splitlines():
                line = re.sub(r"\[\d+:\d+\]|counter packets \d+ bytes \d+", "", line)
                text += "" if line.startswith("#") else line + "\n"
        return text


class Iptables(Namespaces):
    backend = []

    def local(self):
        self.listen(self.here, "127.0.0.1:15001", "[::1]:15001", "0.0.0.0:15006", "[::]:15006",
                    "0.0.0.0:8080", "[::]:8080", "0.0.0.0:9901")

    def test_calls_of_the_application_arrive_with_their_destination(self):
        self.local()
        self.apply()
        for destination in (["203.0.113.9", 80], ["2001:db8::9", 443], ["10.77.0.2", 80]):
            with self.subTest(destination):
                told = self.dial(CALLER, *destination)
                self.assertEqual((told.get("at"), told.get("original")), (15001, destination), told)

    def test_what_is_excluded_goes_its_own_way(self):
        self.local()
        self.apply("--exclude-outbound-ports", "3306", "--exclude-users", SPARED,
                   "--exclude-networks", "10.77.0.2/32,fd77::2")
        direct = [(CALLER, "10.77.0.2", 80), (CALLER, "fd77::2", 80), (SPARED, "10.77.0.2", 80)]
        self.assertEqual([self.dial(*call).get("peer") for call in direct],
                         ["10.77.0.1", "fd77::1", "10.77.0.1"])
        self.apply("--exclude-outbound-ports", "3306", "--exclude-users", SPARED)
        calls = {(CALLER, 80): 15001, (CALLER, 53): 53, (CALLER, 3306): 3306, (SPARED, 80): 80,
                 (USER, 80): 80, (ROOT, 80): 15001}
        seen = {call: self.dial(call[0], "10.77.0.2", call[1]).get("at") for call in calls}
        self.assertEqual(seen, calls)
        self.apply("--with-dns")
        self.assertEqual(self.dial(CALLER, "10.77.0.2", 53).get("at"), 15001)

    def test_calls_within_the_host_stay(self):
        self.local()
        self.apply()
        for host in ("127.0.0.1", "::1", "10.77.0.1", "fd77::1"):
            self.assertEqual(self.dial(CALLER, host, 8080).get("at"), 8080, host)
        # weir reaches the application, and the service itself by way of its own inbound side.
        self.assertEqual(self.dial(USER, "127.0.0.1", 8080).get("at"), 8080)
        self.assertEqual(self.dial(USER, "10.77.0.1", 8080, "127.0.0.6").get("at"), 8080)
        self.assertEqual(self.dial(USER, "fd77::1", 8080, "::1").get("at"), 8080)
        for host in ("10.77.0.1", "fd77::1"):
            told = self.dial(USER, host, 8080)
            self.assertEqual((told.get("at"), told.get("original")), (15006, [host, 8080]), told)

    def test_calls_from_outside_arrive_except_at_the_admin_page(self):
        self.local()
        self.apply()
        for host in ("10.77.0.1", "fd77::1"):
            told = self.dial(ROOT, host, 8080, name=self.there)
            self.assertEqual((told.get("at"), told.get("original")), (15006, [host, 8080]), told)
        self.assertEqual(self.dial(ROOT, "10.77.0.1", 9901, name=self.there).get("at"), 9901)

    def test_tproxy_keeps_the_callers_address(self):
        self.write("tproxy")
        self.listen(self.here, "127.0.0.1:15001", "[::1]:15001", "transparent:0.0.0.0:15006",
                    "transparent:[::]:15006")
        self.listen(self.here, "0.0.0.0:8080", "[::]:8080")
        self.apply()
        once = self.rules()
        self.apply()
        self.assertEqual(self.rules(), once)
        for caller, host in (("10.77.0.2", "10.77.0.1"), ("fd77::2", "fd77::1")):
            with self.subTest(host):
                told = self.dial(ROOT, host, 8080, name=self.there)
                self.assertEqual((told.get("at"), told.get("peer"), told.get("local")),
                                 (15006, caller, host), told)
                self.assertIsInstance(told["application"], dict, told)
                self.assertEqual((told["application"]["at"], told["application"]["peer"]),
                                 (8080, caller), told)
        # What weir itself calls outside is answered, what the application calls is brought to weir.
        self.assertEqual(self.dial(USER, "10.77.0.2", 80).get("at"), 80)
        self.assertEqual(self.dial(CALLER, "10.77.0.2", 80).get("at"), 15001)

    def test_twice_is_once_and_a_change_leaves_nothing_of_before(self):
        before = self.bare_rules()
        self.apply()
        once = self.rules()
        self.assertIn("weir: ", once)
        self.apply()
        self.assertEqual(self.rules(), once)
        self.write("tproxy")
        self.apply("--exclude-networks", "10.9.0.0/16")
        self.assertIn("10.9.0.0/16", self.rules())
        self.write("redirect")
        self.apply()
        self.assertEqual(self.bare(self.rules()), self.bare(once))
        self.weir("remove")
        self.assertEqual(self.bare_rules(), before)
        self.weir("remove")

    def test_the_route_of_tproxy_comes_back_with_the_next_apply(self):
        self.write("tproxy")
        self.apply()
        once = self.rules()
        for state in ("down", "up"):
            run("ip", "-n", self.here, "link", "set", "lo", state)
        self.apply()
        self.assertEqual(sorted(self.rules().splitlines()), sorted(once.splitlines()))

    def test_where_ipv6_is_switched_off_ipv4_is_intercepted(self):
        self.write("tproxy")
        run(*self.within(self.here), "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        before = self.bare_rules()
        self.apply()
        self.assertIn("2102", run("ip", "-n", self.here, "rule", "show").stdout)
        self.weir("remove")
        self.assertEqual(self.bare_rules(), before)

    def test_rules_of_others_stay(self):
        foreign = "OUTPUT -d 192.0.2.1/32 -p tcp -j REDIRECT --to-ports 9"
        run(*self.within(self.here), "iptables", "-t", "nat", "-A", *foreign.split())
        before = self.bare_rules()
        self.apply()
        self.weir("remove")
        self.assertIn(foreign, self.rules())
        self.assertEqual(self.bare_rules(), before)

    def test_changes_need_the_right_and_printing_does_not(self):
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        need_program("setpriv", "util-linux")
        os.chmod(self.file, 0o644)
        for action in ("apply", "remove"):
            arguments = ["-c", self.file] if action == "apply" else []
            done = self.weir(action, *arguments, *self.backend, check=False, prefix=nobody)
            self.assertEqual(done.returncode, 77, done.stderr)
            self.assertIn("NET_ADMIN", done.stderr)
        printed = self.weir("print", "-c", self.file, *self.backend, prefix=nobody).stdout
        self.assertIn("15001", printed)
        self.assertEqual(self.weir("print", "-c", self.file, *self.backend).stdout, printed)

    def test_one_capability_is_enough(self):
        need_program("setpriv", "util-linux")
        self.write("tproxy")
        os.chmod(self.file, 0o644)
        rights = ["setpriv", "--inh-caps=-all,+net_admin", "--bounding-set=-all,+net_admin"]
        before = self.bare_rules()
        self.apply(prefix=rights)
        self.assertIn("weir: ", self.rules())
        self.weir("remove", prefix=rights)
        self.assertEqual(self.bare_rules(), before)

    def test_what_cannot_be_done_changes_nothing(self):
        self.apply()
        once = self.rules()
        hidden = [need_program(name, name) for name in ("nft", "ip6tables-restore")]
        hide = "; ".join(f'mount --bind /dev/null "$(readlink -f {path})"' for path in hidden)
        prefix = ["unshare", "--mount", "sh", "-c", f'{hide}; exec "$@"', "sh"]
        done = self.apply("--exclude-networks", "10.9.0.0/16", check=False, prefix=prefix)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("install the package", done.stderr)
        self.assertEqual(self.rules(), once)

    def test_what_fails_half_way_leaves_nothing(self):
        before = self.bare_rules()
        real = need_program("ip6tables-restore", "iptables")
        with tempfile.TemporaryDirectory() as folder:
            broken = Path(folder) / "ip6tables-restore"
            broken.write_text(f'#!/bin/sh\ncase "$*" in *--test*) exec {real} "$@";; esac\n'
                              "echo broken >&2; exit 1\n")
            broken.chmod(0o755)
            done = self.apply(check=False, prefix=["env", f"PATH={folder}:{os.environ['PATH']}"])
        self.assertEqual(done.returncode, 71, done.stderr)
        self.assertIn("broken", done.stderr)
        self.assertIn("no rule of weir is in place", done.stderr)
        self.assertEqual(self.bare_rules(), before)

    def bare(self, text):
        """Without tables and chains that are empty: iptables leaves its own, once used."""
        keep = [line for line in text.splitlines()
                if not re.match(r"[:*}]|COMMIT|table |\s*(chain |type |\})", line)]
        return sorted(line for line in keep if line.strip())

    def bare_rules(self):
        return self.bare(self.rules())


class Nftables(Iptables):
    backend = ["--nft"]
    test_what_fails_half_way_leaves_nothing = None  # one transaction for everything


class Legacy(Iptables):
    """The older iptables, where it is the system's choice."""

    test_one_capability_is_enough = None  # it needs NET_RAW, too
    test_what_cannot_be_done_changes_nothing = None
    test_what_fails_half_way_leaves_nothing = None

    def setUp(self):
        program = need_program("iptables-legacy", "iptables")
        super().setUp()
        made = run(*self.within(self.here), program, "-t", "nat", "-S", check=False)
        if made.returncode != 0:
            self.skipTest(f"the kernel has none of it: {made.stderr}")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name in ("iptables", "ip6tables"):
            for what in ("", "-save", "-restore"):
                os.symlink(os.path.realpath(program), f"{folder.name}/{name}{what}")
        self.environment = ["env", f"PATH={folder.name}:{os.environ['PATH']}"]

    def test_another_choice_leaves_nothing_of_this_one(self):
        before = self.bare_rules()
        self.apply()
        self.environment = []
        self.apply()
        held = run(*self.within(self.here), "iptables-legacy-save").stdout
        self.assertNotIn("WEIR", held)
        self.weir("remove")
        self.assertEqual(self.bare_rules(), before)


del Namespaces

if __name__ == "__main__":
    unittest.main()
