#!/usr/bin/env python3
"""Runs clang-tidy over src/ within a limit of time, and over nothing twice.

A file that was clean is not looked at again until it, a header of ours that it includes, its flags
or .clang-tidy have changed. Files for which the time did not suffice are skipped, and told.
"""

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tree import INCLUDE, ROOT

PROGRAM = "clang-tidy-19"


def flags_of(entry):
    """The compiler's flags without what belongs to its precompiled header or to its output."""
    words = shlex.split(entry["command"])
    kept, skip = [], False
    for word, following in zip(words, [*words[1:], ""]):
        if skip:
            skip = False
        elif word in ("-o", "-c") or (word == "-include" and "cmake_pch" in following):
            skip = True
        elif word.startswith(("-I", "-D", "-isystem", "-std=")):
            kept.append(word)
            if word == "-isystem":
                kept.append(following)
    return kept


def ours(path, seen):
    """The headers of ours that a file includes, directly or not."""
    for _, included in INCLUDE.findall(path.read_text(errors="replace")):
        for folder in (path.parent, ROOT / "include", ROOT / "src", ROOT / "test" / "support"):
            found = folder / included
            if found.is_file() and found not in seen:
                seen.add(found)
                ours(found, seen)
    return seen


def key_of(path, flags):
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes() + " ".join(flags).encode())
    for one in [path, *sorted(ours(path, set()))]:
        digest.update(one.read_bytes())
    return digest.hexdigest()


class Tidy:
    def __init__(self, options):
        self.until = time.monotonic() + options.seconds
        self.cache = options.build.resolve().parent / "tidy"
        self.cache.mkdir(parents=True, exist_ok=True)
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}

    def look_at(self, work):
        path, flags = work
        clean = self.cache / key_of(path, flags)
        if clean.exists():
            os.utime(clean)
            self.counts["passed"] += 1
            return
        left = self.until - time.monotonic()
        try:
            if left <= 0:
                raise subprocess.TimeoutExpired(PROGRAM, 0)
            done = subprocess.run([PROGRAM, "--quiet", str(path), "--", *flags], cwd=ROOT,
                                  capture_output=True, text=True, timeout=left)
        except subprocess.TimeoutExpired:
            self.counts["skipped"] += 1
            print(f"skip  {path.relative_to(ROOT)}: the time was up, it is looked at next time",
                  flush=True)
            return
        if done.returncode == 0:
            clean.touch()
            self.counts["passed"] += 1
            return
        self.counts["failed"] += 1
        complaints = done.stdout or done.stderr
        print(complaints.replace(f"{ROOT}/", "").rstrip(), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="has compile_commands.json")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=400)
    parser.add_argument("files", nargs="*", help="only these")
    options = parser.parse_args()
    only = {Path(name).resolve() for name in options.files}
    work = []
    for entry in json.loads((options.build / "compile_commands.json").read_text()):
        path = Path(entry["directory"], entry["file"]).resolve()
        if ROOT / "src" in path.parents and (not only or path in only):
            work.append((path, flags_of(entry)))
    # What changed last is looked at first: time may be short.
    work.sort(key=lambda one: one[0].stat().st_mtime, reverse=True)
    tidy = Tidy(options)
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(tidy.look_at, work))
    counts = tidy.counts
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
