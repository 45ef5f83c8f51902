"""Promise: every mistake in a file is told with its place and what was probably meant."""

import subprocess
from pathlib import Path

from mesh import WEIR, MeshTest

GOOD = """\
service: { name: orders }
outbound: { listen: "127.0.0.1:15001" }
upstreams:
  catalog:
    endpoints:
      - { address: "10.0.0.4:8080", version: v1 }
      - { address: "10.0.0.9:8080", version: v2 }
routes:
  - match: { host: catalog }
    to: catalog
    budget: 250ms
"""

# what is wrong, the text replaced, its replacement, the line, what the message must hold
BAD = [
    ("unknown key", "budget: 250ms", "budgett: 250ms", 11, "budget"),
    ("duplicate key", "budget: 250ms", "budget: 250ms\n    budget: 1s", 12, "budget"),
    ("no unit", "250ms", "250", 11, "250"),
    ("unknown unit", "250ms", "250mins", 11, "250mins"),
    ("negative duration", "250ms", "-250ms", 11, "-250ms"),
    ("reference to nothing", "to: catalog", "to: catalogue", 10, "catalog"),
    ("weights that do not add up", "budget: 250ms",
     "versions: [ { split: { v1: 90%, v2: 5% } } ]", 11, "100"),
    ("unknown version", "budget: 250ms", "versions: [ { to: v3 } ]", 11, "v3"),
    ("bad address", "10.0.0.4:8080", "10.0.0.4", 6, "10.0.0.4"),
    ("port out of range", "10.0.0.4:8080", "10.0.0.4:80800", 6, "80800"),
    ("alias", "service: { name: orders }", "service: &a { name: orders }\nadmin: *a", 1, ""),
    ("no YAML", "upstreams:", "upstreams: [", 3, ""),
]


class Check(MeshTest):
    def check(self, text, *more):
        file = Path(self.directory) / "orders.yaml"
        file.write_text(text)
        return subprocess.run([WEIR, "check", file, *more], capture_output=True, text=True, timeout=20)

    def test_good_file_passes(self):
        done = self.check(GOOD)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_mistake_is_told_with_its_line(self):
        for name, old, new, line, word in BAD:
            with self.subTest(name):
                done = self.check(GOOD.replace(old, new))
                said = done.stdout + done.stderr
                self.assertEqual(done.returncode, 65, said)
                if "YAML" not in name:  # where a syntax error shows depends on the parser
                    self.assertRegex(said, rf"orders\.yaml:{line}:\d+: error: ")
                self.assertIn(word, said)

    def test_alias_bomb_is_refused_quickly(self):
        bomb = "a: &a [x, x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(24))
        self.assertEqual(self.check(bomb).returncode, 65)

    def test_huge_file_is_refused(self):
        self.assertEqual(self.check(GOOD + "# padding\n" * 500_000).returncode, 65)

    def test_missing_file_has_its_own_exit_code(self):
        done = subprocess.run([WEIR, "check", "/nonexistent/x.yaml"], capture_output=True, text=True)
        self.assertIn(done.returncode, (65, 66))

    def test_run_refuses_a_bad_file_too(self):
        file = Path(self.directory) / "bad.yaml"
        file.write_text(GOOD.replace("budget:", "budgett:"))
        done = subprocess.run([WEIR, "run", "-c", file], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 65)
        self.assertIn("bad.yaml:11:5", done.stdout + done.stderr)

    def test_environment_fills_values(self):
        done = self.check(GOOD.replace("250ms", "${WEIR_TEST_UNSET:-250ms}"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.check(GOOD.replace("250ms", "${WEIR_TEST_UNSET}")).returncode, 65)
