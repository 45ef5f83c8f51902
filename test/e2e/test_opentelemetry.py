"""Promise: a tracing library is enough for what crosses an application to cross it."""

import functools
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from applications import GrpcApplication, Http1Application
from mesh import MeshTest
from needs import need_program
from processes import Process, free_port, wait_until
from wire import Client

SERVICE = Path(__file__).resolve().parent / "otel"
BUILD = Path(__file__).resolve().parents[2] / "build"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CAME = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01",
        "tracestate": "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}
INSTALL_SECONDS = 120
WAYS = ("http", "fetch", "grpc")


@functools.cache
def modules():
    """What the lockfile names, installed once, below build/: (folder, None or why it is not)."""
    files = [SERVICE / name for name in ("package.json", "package-lock.json")]
    key = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    folder = BUILD / f"otel-{key}"
    problem = None
    if not folder.exists():
        fresh = BUILD / f"{folder.name}.{os.getpid()}"
        fresh.mkdir(parents=True)
        try:
            for file in files:
                shutil.copy(file, fresh)
            problem = install(fresh)
            if problem is None:
                fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder / "node_modules", problem


def install(folder):
    """Runs `npm ci` there; None, or why there is nothing to install from."""
    command = [need_program("npm", "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True,
                              timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"npm ci took more than {INSTALL_SECONDS} s"
    if done.returncode == 0:
        return None
    code = re.search(r"code (\w+)", done.stderr)
    if code is None or code.group(1) in ("EUSAGE", "EINTEGRITY", "EJSONPARSE"):
        raise AssertionError(done.stderr)
    return f"npm ci cannot reach its registry ({code.group(1)})"


class OpenTelemetry(MeshTest):
    """user -> weir -> the service on Node -> weir -> b"""

    def setUp(self):
        self.node = need_program("node", "nodejs")
        self.modules, problem = modules()
        if problem is not None:
            self.skipTest(problem)
        super().setUp()
        self.b = {"http": Http1Application(lambda request: 200),
                  "grpc": GrpcApplication(lambda request: 200)}
        self.b["fetch"] = self.b["http"]
        for application in set(self.b.values()):
            self.addCleanup(application.stop)

    def service(self, *sdk):
        port = free_port()
        quiet = [f"OTEL_{what}_EXPORTER=none" for what in ("TRACES", "METRICS", "LOGS")]
        process = Process(["/usr/bin/env", f"NODE_PATH={self.modules}", *quiet, self.node,
                           SERVICE / "service.js", port, *sdk], "service")
        self._processes.append(process)
        process.wait_for_port(port, 20)
        return f"127.0.0.1:{port}"

    def sidecar(self, service, way):
        return self.weir([self.b[way].address], inbound={"application": service},
                         routes=[{"to": "catalog"}])

    def ask(self, weir, way, port, headers):
        """What b saw of the call that the service made that way to that port."""
        with Client(weir.inbound_port, timeout=20) as user:
            self.assertEqual(user.request(target=f"/{way}/{port}", headers=headers).status, 200)
        return self.b[way].requests()[-1]

    def test_tracestate_goes_through_and_the_budget_is_exact(self):
        service = self.service("sdk")
        for way in WAYS:
            weir = self.sidecar(service, way)
            for number, came in enumerate(({}, CAME), 1):
                with self.subTest(way=way, came=came):
                    seen = self.ask(weir, way, weir.port, {"weir-budget-ms": "4000", **came})
                    self.assertLess(int(seen.header("weir-budget-ms")), 4000)
                    weir.expect_metric(number, "weir_budget_source_total", direction="outbound",
                                       source="exact")
                    self.assertEqual(seen.header("tracestate"), came.get("tracestate"))

    def test_list_that_others_have_filled_has_room_for_our_entry(self):
        """The SDK keeps 32 entries and 512 characters, from the front."""
        service = self.service("sdk")
        weir = self.sidecar(service, "http")
        for number, list_ in enumerate((",".join(f"v{n}=1" for n in range(32)),
                                        ",".join(f"v{n}={'x' * 96}" for n in range(5))), 1):
            came = {**CAME, "tracestate": list_}
            seen = self.ask(weir, "http", weir.port, {"weir-budget-ms": "4000", **came})
            weir.expect_metric(number, "weir_budget_source_total", direction="outbound",
                               source="exact")
            left = seen.header("tracestate").split(",")
            self.assertEqual(left, list_.split(",")[:len(left)])
            self.assertGreaterEqual(len(left), len(list_.split(",")) - 1)

    def test_what_leaves_the_application(self):
        """Straight to b: our entry first, those of others behind it, the trace the same."""
        service = self.service("sdk")
        for way in WAYS:
            with self.subTest(way):
                b = self.b[way]
                seen = self.ask(self.sidecar(service, way), way, b.port, CAME)
                self.assertRegex(seen.header("tracestate"),
                                 f"^weir=[0-9a-f]{{40}},{CAME['tracestate']}$")
                self.assertEqual(seen.header("traceparent").split("-")[1], TRACE_ID)

    def test_user_who_hangs_up_ends_the_call_below(self):
        service = self.service("sdk")
        for way in WAYS:
            with self.subTest(way):
                b = self.b[way]
                b.answer = lambda request: wait_until(request.gone, 20, "the caller to go") and 503
                b.clear()
                weir = self.sidecar(service, way)
                with Client(weir.inbound_port, timeout=20) as user:
                    user.send(f"GET /{way}/{weir.port} HTTP/1.1\r\nHost: catalog\r\n\r\n")
                    wait_until(b.requests, 20, "the call below")
                wait_until(b.requests()[0].gone, what="the call to be cancelled")

    def test_without_the_library_a_call_is_on_its_own(self):
        service = self.service()
        for way in WAYS:
            with self.subTest(way):
                weir = self.sidecar(service, way)
                seen = self.ask(weir, way, weir.port, {"weir-budget-ms": "4000", **CAME})
                self.assertIsNone(seen.header("tracestate"))
                self.assertGreater(int(seen.header("weir-budget-ms")), 4000)
                weir.expect_metric(1, "weir_budget_source_total", direction="outbound",
                                   source="default")
