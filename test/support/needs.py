"""What tests need of the machine; what is missing is named, with its package, and skipped."""

import importlib
import shutil
import unittest


def need_module(name, package):
    """Imports and returns a module; skips the test file, or the test, when it is not there."""
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        raise unittest.SkipTest(f"{package} is not installed ({problem})") from problem


def need_program(name, package):
    """A program's path; skips the test when it is not there."""
    path = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin")
    if path is None:
        raise unittest.SkipTest(f"{name} is not installed (package {package})")
    return path
