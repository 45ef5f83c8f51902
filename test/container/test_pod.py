"""Promise: in a pod, weir carries the application's traffic, shows it, and ends without a loss."""

import re
import threading
import unittest

import setting
from pod import Pod
from setting import needs_containers, wait_until

# Two sidecars before one application: the second stands for another replica of the service.
FIRST = """\
service: {{ name: orders, version: "1" }}
inbound:
  listen: 0.0.0.0:15006
  application: 127.0.0.1:8080
outbound: {{ listen: "{outbound}" }}
upstreams:
  orders: {{ endpoints: [{{ address: "{second}" }}] }}
process: {{ drain: 20s }}
"""
SECOND = """\
service: {{ name: orders, version: "2" }}
admin: {{ listen: 127.0.0.1:9902 }}
inbound:
  listen: "{second}"
  application: 127.0.0.1:8080
"""


@needs_containers
class Explicit(unittest.TestCase):
    """Callers address weir's listeners; nobody has any privilege."""

    @classmethod
    def setUpClass(cls):
        cls.pod = pod = Pod("explicit")
        cls.addClassCleanup(pod.end)
        pod.application()
        cls.ipv6 = pod.has_ipv6()
        cls.second = "::1" if cls.ipv6 else "127.0.0.1"
        host = "[::1]" if cls.ipv6 else "127.0.0.1"
        addresses = {"second": f"{host}:25006", "outbound": f"{host}:15001"}
        pod.write("first", FIRST.format(**addresses))
        pod.write("second", SECOND.format(**addresses))
        pod.weir("first")
        pod.weir("second")
        for name, admin in (("first", "127.0.0.1:9901"), ("second", "127.0.0.1:9902")):
            done = pod.probe(name, "--within", "10", "--admin", admin)
            assert done.returncode == 0, done.stderr

    def test_1_calls_arrive_over_ipv4(self):
        answer = self.pod.client("get", "127.0.0.1", 15006, "/hello")
        self.assertEqual(answer["status"], 200)
        self.assertIn("/hello via 1.1 weir", answer["body"])

    def test_1_calls_arrive_over_ipv6(self):
        if not self.ipv6:
            self.skipTest("the kernel gives the pod no IPv6")
        answer = self.pod.client("get", "::1", 25006, "/hello")
        self.assertEqual(answer["status"], 200)
        self.assertIn("/hello via 1.1 weir", answer["body"])

    def test_1_calls_leave_through_the_outbound_listener(self):
        answer = self.pod.client("get", self.second, 15001, "http://orders/out")
        self.assertEqual(answer["status"], 200)
        self.assertIn("/out via 1.1 weir, 1.1 weir", answer["body"])

    def test_2_metrics_count_them(self):
        metrics = self.pod.client("get", "127.0.0.1", 9901, "/metrics")["body"]
        counted = re.findall(r'^weir_requests_total\{direction="(\w+)".*status="2xx".*\} [1-9]',
                             metrics, re.MULTILINE)
        self.assertEqual(counted, ["inbound", "outbound"])

    def test_3_drains_under_load_without_a_failed_request(self):
        seen = {}
        load = threading.Thread(target=lambda: seen.update(self.pod.client(
            "load", 5, "127.0.0.1", 15006, self.second, 25006)))
        slow = threading.Thread(target=lambda: seen.update(slow=self.pod.client(
            "get", "127.0.0.1", 15006, "/slow/3500")))
        load.start()
        slow.start()
        wait_until(lambda: self.pod.in_flight("first", "/slow/3500"), what="the load to begin")
        setting.podman("kill", "--signal", "TERM", "explicit-first")
        wait_until(lambda: "503 draining" in self.pod.probe("first").stderr,
                   what="readiness to fail")
        slow.join()
        load.join()
        self.assertEqual(seen["slow"]["status"], 200)  # what was under way ended well
        print(f"      answered: {seen['answered'][0]} by the one that drained, "
              f"{seen['answered'][1]} by the other")
        self.assertEqual(seen["failed"], [])
        self.assertGreater(min(seen["answered"]), 0)
        wait_until(lambda: not self.pod.inspect("first")["State"]["Running"], what="its end")
        self.assertEqual(self.pod.inspect("first")["State"]["ExitCode"], 0)
