"""Promise: whoever runs `weir demo` sees an instance die without a lost request, and come back."""

import json
import os
import signal
import subprocess
import tempfile
import unittest

import wire
from mesh import WEIR
from processes import Process, accepts, family, free_port, wait_until


class Demo(unittest.TestCase):
    def start(self, *options):
        """A demo with ports and temporary files of its own, once its users are being served."""
        self.port = free_port()
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        environment = f"TMPDIR={self.directory.name}"
        self.demo = Process(["env", environment, WEIR, "demo", "--port", self.port, *options],
                            "demo")
        self.addCleanup(self.demo.stop)
        wait_until(lambda: "make an instance fail" in self.demo.output(), 15, "the demo to start")
        # The first block of ports that is free need not be the first one.
        words = self.demo.output().split()
        url = next(word for word in words if word.endswith("/catalog-1/kill"))
        self.port = int(url.split("/")[2].rpartition(":")[2])

    def post(self, order):
        return wire.request(self.port, "POST", f"/{order}", host="localhost").status

    def status(self):
        return json.loads(wire.request(self.port, target="/status.json", host="localhost").text)

    def instance(self, name):
        return next(one for sidecar in self.status()["sidecars"]
                    for one in sidecar["instances"] if one["name"] == name)

    def health(self, name):
        return self.instance(name)["health"]

    def assert_nothing_is_left(self, processes):
        for pid in processes:
            self.assertFalse(os.path.exists(f"/proc/{pid}"), f"process {pid} still runs")
        self.assertEqual(os.listdir(self.directory.name), [])
        self.assertFalse(accepts(self.port))

    def test_a_killed_instance_costs_no_request_and_comes_back(self):
        self.start("--duration", "8s")
        wait_until(lambda: self.status()["requests"] > 80, 10, "a second of traffic")
        processes = family(self.demo.pid)
        self.assertGreaterEqual(len(processes), 9)  # itself, two sidecars, six instances

        self.assertEqual(self.post("catalog-1/kill"), 200)
        self.assertEqual(self.instance("catalog-1")["state"], "dead")
        self.assertEqual(self.post("catalog-1/hang"), 409)
        wait_until(lambda: self.health("catalog-1") == "ejected", 5, "the ejection")
        self.assertEqual(self.post("catalog-1/restore"), 200)
        wait_until(lambda: self.health("catalog-1") in ("ramping", "healthy"), 6, "it to be back")
        wait_until(lambda: self.instance("catalog-1")["calls_per_second"] > 1, 5, "its traffic")
        seen = self.status()

        self.assertEqual(self.demo.wait(15), 0)
        self.assertGreaterEqual(sum(one["failovers_saved"] for one in seen["sidecars"]), 1)
        self.assertLessEqual(seen["lost"], seen["requests"] * 0.001)
        output = self.demo.output()
        for news in ("catalog-1 killed", "catalog-1 ejected by the weir of orders",
                     "catalog-1 started again", "catalog-1 is back by probe"):
            self.assertIn(news, output)
        self.assertIn(" requests, ", output)
        self.assert_nothing_is_left(processes)

    def test_it_follows_its_script_and_ends_on_sigint(self):
        self.start("--script", "at 300ms hang orders-2; at 600ms break catalog-3")
        wait_until(lambda: self.instance("orders-2")["state"] == "hung", 5, "the first step")
        wait_until(lambda: self.instance("catalog-3")["state"] == "broken", 5, "the second step")
        processes = family(self.demo.pid)
        self.demo.signal(signal.SIGINT)
        self.assertEqual(self.demo.wait(10), 0)
        self.assert_nothing_is_left(processes)

    def test_everything_ends_with_it_even_when_it_is_killed(self):
        self.start()
        processes = family(self.demo.pid)
        os.kill(self.demo.pid, signal.SIGKILL)
        self.demo.wait(5)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in processes), 5,
                   "its processes to end")

    def test_an_edited_file_of_a_sidecar_is_reloaded(self):
        self.start()
        file = self.status()["sidecars"][1]["file"]
        with open(file, encoding="utf-8") as old:
            text = old.read()
        with open(f"{file}.new", "w", encoding="utf-8") as new:
            new.write(text.replace("round_robin", "peak_ewma"))
        os.rename(f"{file}.new", file)
        wait_until(lambda: any("reloaded" in one for one in self.status()["events"]), 5, "a reload")

    def test_web_pages_may_not_break_anything(self):
        self.start()
        answer = wire.request(self.port, "POST", "/catalog-1/kill",
                              {"origin": "http://evil.example"}, host="localhost")
        self.assertEqual(answer.status, 403)
        self.assertEqual(self.instance("catalog-1")["state"], "ok")

    def test_wrong_words_are_explained(self):
        for options, reason in ((["--script", "at 2s stab catalog-1"], "unknown verb"),
                                (["--duration", "8"], "not a duration"),
                                (["--rate", "0"], "--rate")):
            with self.subTest(options=options):
                ended = subprocess.run([WEIR, "demo", *options], capture_output=True, text=True,
                                       timeout=10, check=False)
                self.assertEqual(ended.returncode, 64)
                self.assertIn(reason, ended.stderr)
