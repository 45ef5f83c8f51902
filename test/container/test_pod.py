"""Promise: in a pod, weir carries the application's traffic, shows it, and ends without a loss."""

import re
import unittest

from draining import drain
from pod import Pod
from setting import needs_containers, wait_until

# Two sidecars before one application: the second stands for another replica of the service.
FIRST = """\
service: {{ name: orders, version: "1" }}
inbound:
  listen: "{host}:15006"
  application: 127.0.0.1:8080
outbound: {{ listen: "{host}:15001" }}
upstreams:
  orders: {{ endpoints: [{{ address: "{host}:25006" }}] }}
process: {{ drain: 20s }}
"""
SECOND = """\
service: {{ name: orders, version: "2" }}
admin: {{ listen: 127.0.0.1:9902 }}
inbound:
  listen: "{host}:25006"
  application: 127.0.0.1:8080
"""


class Explicit:
    """Callers address weir's listeners; nobody has any privilege."""

    @classmethod
    def setUpClass(cls):
        cls.pod = pod = Pod(cls.__name__.lower())
        cls.addClassCleanup(pod.end)
        if ":" in cls.address and not pod.has_ipv6():
            raise unittest.SkipTest("the kernel gives the pod no IPv6")
        pod.application()
        host = f"[{cls.address}]" if ":" in cls.address else cls.address
        cls.policy = FIRST.format(host=host)
        pod.write("first", cls.policy)
        pod.write("second", SECOND.format(host=host))
        pod.weir("first")
        pod.weir("second")
        for name, admin in (("first", "127.0.0.1:9901"), ("second", "127.0.0.1:9902")):
            done = pod.probe(name, "--within", "10", "--admin", admin)
            assert done.returncode == 0, done.stderr

    def test_1_calls_arrive(self):
        answer = self.pod.client("get", self.address, 15006, "/hello")
        self.assertEqual(answer["status"], 200)
        self.assertIn("/hello via 1.1 weir", answer["body"])

    def test_1_calls_leave_through_the_outbound_listener(self):
        answer = self.pod.client("get", self.address, 15001, "http://orders/out")
        self.assertEqual(answer["status"], 200)
        self.assertIn("/out via 1.1 weir, 1.1 weir", answer["body"])

    def test_2_metrics_count_them(self):
        metrics = self.pod.admin("/metrics")
        counted = re.findall(r'^weir_requests_total\{direction="(\w+)".*status="2xx".*\} [1-9]',
                             metrics, re.MULTILINE)
        self.assertEqual(counted, ["inbound", "outbound"])

    def test_3_a_changed_policy_is_taken_from_the_folder(self):
        """As the kubelet changes a ConfigMap: all files at once, by a link that is exchanged."""
        self.assertNotIn("777ms", self.pod.admin("/config"))
        self.pod.write("first", self.policy.replace("inbound:", "inbound:\n  budget: { default: 777ms }"))
        wait_until(lambda: "777ms" in self.pod.admin("/config"), what="the new policy")

    def test_4_drains_under_load_without_a_failed_request(self):
        drain(self, self.pod, "first", self.pod.client,
              [((self.address, 15006), (self.address, 25006))])


@needs_containers
class ExplicitOverIpv4(Explicit, unittest.TestCase):
    address = "127.0.0.1"


@needs_containers
class ExplicitOverIpv6(Explicit, unittest.TestCase):
    address = "::1"
