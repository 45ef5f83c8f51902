"""What the tests of one run share; test/container/run sets it."""

import json
import os
import subprocess
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEST = HERE.parent
ROOT = TEST.parent
WEIR_IMAGE = "localhost/weir:test"
INIT_IMAGE = "localhost/weir-init:test"
DEBIAN_IMAGE = "localhost/weir-debian:test"
# How weir runs anywhere: no capability, nothing to write to, no way to more rights.
CONFINED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")

podman = None    # a Podman, or None where containers cannot run
why_none = ""    # then
weir = None      # the program, for `weir check`


def needs_containers(test):
    return unittest.skipIf(podman is None, why_none or "no containers")(test)


def wait_until(condition, seconds=10.0, what="condition"):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.05)
    return value


def check(file, **environment):
    """(exit code, output) of `weir check`."""
    done = subprocess.run([weir, "check", file], capture_output=True, text=True, timeout=20,
                          env=os.environ | environment)
    return done.returncode, done.stdout + done.stderr


def inspect(container):
    return json.loads(podman("inspect", container).stdout)[0]
