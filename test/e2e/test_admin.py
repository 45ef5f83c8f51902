"""Promise: what weir does can be seen: health, metrics, a page, and a line for each exchange."""

import json
import shutil
import subprocess
import unittest

from mesh import FAILOVER_ALONE, MeshTest
from processes import accepts


class Admin(MeshTest):
    def setUp(self):
        super().setUp()
        self.a = self.instance()
        self.proxy = self.weir([self.a])

    def test_health_and_readiness(self):
        self.assertEqual(self.proxy.admin("/healthz").status, 200)
        self.assertEqual(self.proxy.admin("/readyz").status, 200)

    def test_unknown_path_is_404(self):
        self.assertEqual(self.proxy.admin("/nothing").status, 404)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_finds_nothing_wrong(self):
        self.proxy.request()
        self.proxy.request(host="nobody")
        done = subprocess.run(["promtool", "check", "metrics"], capture_output=True, text=True,
                              input=self.proxy.admin("/metrics").text)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_open_metrics_on_request(self):
        response = self.proxy.admin("/metrics", headers={"Accept": "application/openmetrics-text"})
        self.assertIn("openmetrics", response.header("content-type"))
        self.assertTrue(response.text.endswith("# EOF\n"))

    def test_requests_are_counted(self):
        for _ in range(5):
            self.proxy.request()
        labels = {"direction": "outbound", "upstream": "catalog"}
        self.proxy.expect_metric(5, "weir_requests_total", **labels)
        self.proxy.expect_metric(5, "weir_request_duration_seconds_count", **labels)
        self.assertEqual(self.proxy.metric("weir_upstream_connections_opened_total"), 1)

    def test_labels_are_bounded_whatever_callers_send(self):
        def series():
            return self.proxy.admin("/metrics").text.count("\n")

        def ask(number):
            self.proxy.request("GET", f"/{number}", host=f"host{number}")
            self.proxy.request(f"METHOD{number}", host="catalog")

        ask(0)  # each kind of request brings its series once
        self.proxy.expect_metric(2, "weir_requests_total")
        before = series()
        for number in range(200):
            ask(number)
        self.assertLess(series() - before, 10)

    def test_page_shows_upstreams_and_endpoints(self):
        page = self.proxy.admin("/")
        self.assertEqual(page.status, 200)
        self.assertIn("text/html", page.header("content-type"))
        self.assertIn("catalog", page.text)
        self.assertIn(self.a.address, page.text)

    def test_only_loopback_hears_it(self):
        self.assertFalse(accepts(self.proxy.admin_port, "127.0.0.2"))


class AccessLog(MeshTest):
    def test_json_line_shows_every_attempt(self):
        a, b = self.instances(2)
        weir = self.weir([a, b], FAILOVER_ALONE)
        a.mode("503")
        for number in range(2):
            weir.request(target="/x?y=1", headers={"x-request-id": f"id{number}", "weir-budget-ms": "900"})
        lines = [json.loads(line) for line in weir.log(2)]
        self.assertEqual([line["status"] for line in lines], [200, 200])
        self.assertEqual([line["request_id"] for line in lines], ["id0", "id1"])
        attempts = max((line["attempts"] for line in lines), key=len)
        self.assertEqual(len(attempts), 2)
        self.assertIn(a.address, json.dumps(attempts[0]))
        self.assertIn("503", json.dumps(attempts[0]))
        self.assertIn(b.address, json.dumps(attempts[1]))

    def test_text_line_reads_as_documented(self):
        a = self.instance()
        weir = self.weir([a], access_log={"format": "text"})
        weir.request(headers={"weir-budget-ms": "900"})
        line = weir.log(1)[0]
        self.assertRegex(line, rf"attempts=\[{a.address}/200/[\d.]+m?s\]")
        self.assertRegex(line, r"budget=900/[\d.]+ms")

    def test_what_callers_send_cannot_forge_a_line(self):
        a = self.instance()
        weir = self.weir([a])
        weir.request(target="/%22%0a", headers={"User-Agent": 'a" b\\', "x-request-id": "\u00e9\t"})
        lines = weir.log(1)
        self.assertEqual(len(lines), 1)
        json.loads(lines[0])

    def test_local_replies_are_logged_too(self):
        weir = self.weir([self.instance()])
        weir.request(headers={"weir-budget-ms": "0"})
        line = json.loads(weir.log(1)[0])
        self.assertEqual((line["status"], line["attempts"]), (504, []))
