"""Promise: the program itself can be asked how a sidecar is, where an image has no other tool."""

import os
import signal
import socket
import subprocess

from mesh import WEIR, MeshTest
from processes import wait_until


def probe(*arguments, **environment):
    """(exit code, standard output, standard error)"""
    done = subprocess.run([WEIR, "probe", *map(str, arguments)], capture_output=True, text=True,
                          timeout=20, env=os.environ | environment)
    return done.returncode, done.stdout, done.stderr


class Probe(MeshTest):
    def test_yes_wherever_the_address_comes_from(self):
        proxy = self.weir([self.instance()])
        address = f"127.0.0.1:{proxy.admin_port}"
        for name, done in {
            "named": probe("--admin", address),
            "live": probe("--live", "--admin", address),
            "by the file": probe("-c", proxy.file),
            "by the environment": probe(WEIR_ADMIN=address),
            "an option goes before it": probe("--admin", address, WEIR_ADMIN="127.0.0.1:1"),
        }.items():
            with self.subTest(name):
                self.assertEqual((done[0], done[2]), (0, ""))
                self.assertRegex(done[1], rf"^weir: {address}/(readyz|healthz): 200 (ready|ok)\n$")

    def test_draining_is_alive_but_not_ready(self):
        proxy = self.weir([self.instance()])
        address = f"127.0.0.1:{proxy.admin_port}"
        load = self.load(proxy.port, path="/slow/3000", connections=1, seconds=0.1)
        wait_until(lambda: proxy.metric("weir_exchanges_in_flight") == 1, what="one in flight")
        proxy.process.signal(signal.SIGTERM)
        wait_until(lambda: probe("--admin", address)[0] == 1, what="readiness to fail")
        self.assertEqual(probe("--admin", address),
                         (1, "", f"weir: {address}/readyz: 503 draining\n"))
        self.assertEqual(probe("--live", "--admin", address)[0], 0)
        load.stop()

    def test_no_has_a_reason(self):
        with socket.create_server(("127.0.0.1", 0)) as silent, \
                socket.create_server(("127.0.0.1", 0)) as gone:
            nobody = gone.getsockname()[1]
            gone.close()
            for arguments, reason in (
                (["--admin", f"127.0.0.1:{nobody}"], "nobody answers"),
                (["--admin", f"127.0.0.1:{silent.getsockname()[1]}"], "no answer within"),
                (["--admin", "somewhere"], "is not an address"),
                (["-c", "/nonexistent/x.yaml"], "/nonexistent/x.yaml"),
            ):
                with self.subTest(reason):
                    code, out, error = probe(*arguments)
                    self.assertEqual((code, out, error.count("\n")), (1, "", 1))
                    self.assertIn(reason, error)

    def test_it_can_wait_for_a_yes(self):
        proxy = self.configure([self.instance()])
        waiting = subprocess.Popen(
            [WEIR, "probe", "--within", "20", "--admin", f"127.0.0.1:{proxy.admin_port}"],
            stdout=subprocess.PIPE, text=True)
        proxy.start()
        self.assertIn("200 ready", waiting.communicate(timeout=20)[0])
        self.assertEqual(waiting.returncode, 0)

    def test_contradictions_are_usage_errors(self):
        for arguments in (["--live", "--ready"], ["--admin", "127.0.0.1:1", "-c", "x"],
                          ["--within", "-1"]):
            with self.subTest(arguments):
                self.assertEqual(probe(*arguments)[0], 64)
