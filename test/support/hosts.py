"""Hosts of their own for tests: network namespaces at one switch, with cables that can be cut.

A host's number is the last digit of its addresses: 10.77.0.N and fd77::N. What this thread starts
or connects inside `with host.inside()` belongs to that host.
"""

import contextlib
import ctypes
import os
import secrets
import shutil
import subprocess
import unittest
from pathlib import Path

from needs import need_program

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
HAS_IPV6 = Path("/proc/net/if_inet6").exists()


def _run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=30, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(done.args)}: {done.stdout}{done.stderr}")
    return done.stdout


def _enter(descriptor):
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    def __init__(self, name):
        self.name = name
        try:
            _run("ip", "netns", "add", name)
        except AssertionError as problem:
            raise unittest.SkipTest(f"no network namespace to be had: {problem}") from problem

    def ip(self, *words):
        return _run("ip", "-n", self.name, *words)

    def delete(self):
        _run("ip", "netns", "delete", self.name)

    @contextlib.contextmanager
    def inside(self):
        """This thread, and what it starts meanwhile, is on that host."""
        with open("/proc/thread-self/ns/net", "rb") as before, \
                open(f"/run/netns/{self.name}", "rb") as here:
            _enter(here.fileno())
            try:
                yield self
            finally:
                _enter(before.fileno())

    def run(self, *command):
        """The output of a command that has to succeed there."""
        with self.inside():
            return _run(*command)

    def bound(self, function):
        """That function, which runs on this host from now on, wherever it is called."""
        def there(*arguments, **options):
            with self.inside():
                return function(*arguments, **options)
        return there


class Host(Namespace):
    def __init__(self, name, number, switch):
        super().__init__(name)
        self._switch, self._port = switch, f"port-{number}"
        self.v4, self.v6 = f"10.77.0.{number}", f"fd77::{number}"
        self.ip("link", "add", "cable", "type", "veth", "peer", "name", self._port,
                "netns", switch.name)
        switch.ip("link", "set", self._port, "master", "switch", "up")
        self.ip("addr", "add", f"{self.v4}/24", "dev", "cable")
        if HAS_IPV6:
            self.ip("addr", "add", f"{self.v6}/64", "dev", "cable", "nodad")
        for link in ("cable", "lo"):
            self.ip("link", "set", link, "up")

    def cut(self):
        """At the switch: the others learn of it by silence alone."""
        self._switch.ip("link", "set", self._port, "down")

    def mend(self):
        self._switch.ip("link", "set", self._port, "up")


class Network:
    """A switch. Removes itself and its hosts at the end of `test`, which is skipped where there are
    no namespaces or rules to be had."""

    def __init__(self, test):
        if os.geteuid() != 0:
            test.skipTest("network namespaces need root")
        for program, package in (("ip", "iproute2"), ("iptables", "iptables")):
            need_program(program, package)
        self._test, self._hosts = test, 0
        self._mark = f"weir-{os.getpid()}-{secrets.token_hex(3)}"
        self._switch = self._keep(Namespace(f"{self._mark}-switch"))
        try:
            self._switch.ip("link", "add", "switch", "type", "bridge")
        except AssertionError as problem:
            test.skipTest(f"no bridge to be had: {problem}")
        self._switch.ip("link", "set", "switch", "up")
        try:
            self._switch.run("iptables", "-t", "nat", "-S")
        except AssertionError as problem:
            test.skipTest(f"no rules to be had: {problem}")

    def host(self, name):
        self._hosts += 1
        return self._keep(Host(f"{self._mark}-{name}", self._hosts, self._switch))

    def _keep(self, namespace):
        self._test.addCleanup(namespace.delete)
        return namespace


def give(path, user):
    """Lets `user` write into that directory and read below it, past the private one above it."""
    os.chmod(Path(path).parent, 0o755)
    shutil.chown(path, user)
