#!/usr/bin/env python3
"""The house's rules as tests. A line for each rule; what breaks it follows with file and line.

    test/arch/arch.py                 check
    test/arch/arch.py --weir PROGRAM  check, and ask `weir check` about every YAML file in the docs
    test/arch/arch.py --draw          write docs/architecture.svg anew
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import picture
from rows import ROW_OF, ROWS, include_graph
from tree import ROOT, all_files

EXCEPTIONS = "test/arch/exceptions.txt"
TOP_LEVEL = {"CMakeLists.txt", "src", "include", "config", "test", "bench", "docker", "docs",
             "README.md"}
# A vendor has one home. What is not listed, and no header of the language or the system, is news.
VENDORS = {
    "boost/asio": "net", "boost/beast": "net", "openssl/": "net", "sys/epoll.h": "net",
    "nghttp2/": "codec", "yaml-cpp/": "config", "prometheus/": "telemetry", "spdlog/": "base",
    "xxhash.h": "base", "CLI/": "cli", "zlib.h": "admin",
    "boost/intrusive/": "", "boost/json": "", "boost/uuid/detail/sha1": "http", "fmt/": "",
}
SYSTEM = re.compile(r"(?:sys|netinet|arpa|linux|net)/\w+\.h|\w+\.h|\w+")
LIMITS = {"header lines": 150, "source lines": 400, "function lines": 50, "parameters": 5,
          "nesting": 3, "columns": 100}
UNFINISHED = re.compile(r"\b(?:TO" "DO|FIX" "ME|XX" "X)\\b")
BAD_NAME = re.compile(r"\b(?:class|struct|enum(?:\s+class)?|using|concept)\s+(\w*(?:Impl|Manager|Helper|Util)s?)\b")
SLEEP = re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")

RULES = []


def rule(promise):
    def keep(function):
        RULES.append((promise, function))
        return function
    return keep


def at(file, line, what):
    return f"{file.path}:{line}: {what}"


@rule("only the agreed names stand at the top")
def top_level(files, _):
    for top in sorted({file.path.split("/")[0] for file in files}):
        if top not in TOP_LEVEL and not top.startswith("."):
            yield f"{top}: does not belong at the top level"


@rule("every folder has its row")
def folders_have_rows(files, _):
    for folder in sorted({file.folder for file in files if file.folder}):
        if folder not in ROW_OF:
            yield f"src/{folder}: is on no row of test/arch/rows.py"


@rule("a folder includes only lower rows")
def rows_hold(files, _):
    for file in files:
        for line, _, included in file.includes if file.folder in ROW_OF else ():
            target = included.split("/")[1] if included.startswith("weir/") else file.folder
            if target == file.folder:
                continue
            if target not in ROW_OF or ROW_OF[target] >= ROW_OF[file.folder]:
                yield at(file, line, f"{file.folder} may not include {target}")


@rule("private headers stay in their folder")
def private_headers(files, _):
    known = {file.path for file in files}
    for file in files:
        home = file.path.rpartition("/")[0]
        for line, quote, included in file.includes if file.is_cpp else ():
            if quote == "<" or included.startswith("weir/") or f"{home}/{included}" in known:
                continue
            # With the folder's name: a folder's own, a unit test's own, or the tests' support.
            folder = included.split("/")[0]
            own = f"src/{included}" in known and home in (f"src/{folder}", f"test/unit/{folder}")
            tests = file.path.startswith("test/") and (
                included.startswith("../") or
                {f"test/{included}", f"test/support/{included}"} & known)
            if not own and not tests:
                yield at(file, line, f'"{included}" is not a header of this folder')


@rule("a vendor has one home")
def vendors(files, _):
    for file in files:
        for line, quote, included in file.includes if file.folder else ():
            if quote == '"':
                continue
            home = next((VENDORS[one] for one in VENDORS if included.startswith(one)), None)
            if home is None and not SYSTEM.fullmatch(included):
                yield at(file, line, f"<{included}> is of no vendor that test/arch knows")
            elif home and home != file.folder:
                yield at(file, line, f"<{included}> is at home in {home}")


def measures(file):
    """(limit, where, line, value)"""
    if file.folder or file.path.startswith(("bench/", "test/")):
        yield "header lines" if file.is_header else "source lines", file.path, 1, len(file.lines)
    for function in file.code.functions:
        where = f"{file.path}:{function.line}"
        if not file.path.startswith(("test/unit/", "test/sim/")):  # tables may be long
            yield "function lines", where, function.line, function.lines
        yield "parameters", where, function.line, len(function.parameters)
        yield "nesting", where, function.line, function.nesting
    for line, parameters in file.code.declarations if file.is_header else ():
        yield "parameters", f"{file.path}:{line}", line, len(parameters)


@rule("sizes stay within the guides, but for exceptions that only shrink")
def sizes(files, _):
    excused = read_exceptions()
    worst = {}
    for file in files:
        for limit, where, _, value in measures(file) if file.is_cpp else ():
            key = (limit, file.path)
            if value > LIMITS[limit] and value > worst.get(key, (0, ""))[0]:
                worst[key] = (value, where)
    for key, (value, where) in sorted(worst.items()):
        if value > excused.get(key, LIMITS[key[0]]):
            yield f"{where}: {value} {key[0]}, the guide is {LIMITS[key[0]]}"
    for key, allowed in sorted(excused.items()):
        value = worst.get(key, (0, ""))[0]
        if value == 0:
            yield f"{EXCEPTIONS}: {key[0]} {key[1]} is not needed any more: remove it"
        elif value < allowed:
            yield f"{EXCEPTIONS}: {key[0]} {key[1]} may shrink from {allowed} to {value}"


def read_exceptions():
    """(limit, path) -> the value that is put up with"""
    excused = {}
    for line in (ROOT / EXCEPTIONS).read_text().splitlines():
        found = re.fullmatch(r"(\d+) ([a-z ]+?) (\S+/\S+)", line)
        if found:
            excused[found.group(2), found.group(3)] = int(found.group(1))
    return excused


@rule("lines end at column 100")
def columns(files, _):
    for file in files:
        if not file.is_cpp and not file.path.endswith((".py", "CMakeLists.txt")):
            continue
        for number, line in enumerate(file.lines, 1):
            if len(line) > LIMITS["columns"] and not held_by_text(file, number, line):
                yield at(file, number, f"{len(line)} columns")


def held_by_text(file, number, line):
    """A literal that nobody would cut: a message, a page, a row of a test's table."""
    if not file.is_cpp:
        return '"' in line
    comment = line.lstrip().startswith("//")
    return not comment and len(file.blanked[number - 1].rstrip()) <= LIMITS["columns"]


@rule("names say what a thing is: no Impl, Manager, Helper, Util")
def names(files, _):
    for file in files:
        if not file.is_cpp:
            continue
        if re.search(r"(?:^|_)(?:impl|manager|helper|util)s?\.", file.name):
            yield f"{file.path}: such a name says nothing"
        for number, line in enumerate(file.blanked, 1):
            if found := BAD_NAME.search(line):
                yield at(file, number, f"{found.group(1)}: such a name says nothing")


@rule("headers open no namespace for others")
def using_namespace(files, _):
    for file in files:
        for number, line in enumerate(file.blanked if file.is_header else (), 1):
            if re.search(r"\busing\s+namespace\b", line):
                yield at(file, number, line.strip())


@rule("headers begin with their contract and are included once")
def headers(files, _):
    for file in files:
        if file.is_header and "#pragma once" not in file.lines:
            yield at(file, 1, "no #pragma once")
        if file.is_public and not file.text.startswith("//"):
            yield at(file, 1, "a public header begins with a comment that says what it is for")


@rule("no boolean parameters in public headers")
def boolean_parameters(files, _):
    for file in files:
        if not file.is_public:
            continue
        functions = [(one.line, one.parameters) for one in file.code.functions]
        for line, parameters in functions + file.code.declarations:
            for parameter in parameters:
                if re.match(r"(?:const\s+)?bool\b", parameter):
                    yield at(file, line, f"`{parameter}`: an enum would say what it means")


@rule("no test sleeps for a fixed time")
def sleeps(files, _):
    for file in files:
        # The peers in test/support may be slow on purpose, and wait_until() asks again and again.
        if not file.path.startswith(("test/unit/", "test/sim/", "test/e2e/")):
            continue
        for number, line in enumerate(file.blanked if file.is_cpp else file.lines, 1):
            if SLEEP.search(line):
                yield at(file, number, line.strip())


@rule("nothing is left unfinished")
def unfinished(files, _):
    for file in files:
        if file.name.endswith((".svg", ".png")) or "/corpus/" in file.path:
            continue
        for number, line in enumerate(file.lines, 1):
            if UNFINISHED.search(line):
                yield at(file, number, line.strip()[:80])


def anchors(text):
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+\s+(.*?)\s*$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@rule("every link in the documentation leads somewhere")
def links(files, _):
    for file in files:
        if not file.path.endswith(".md"):
            continue
        text = re.sub(r"```.*?```", lambda m: "\n" * m.group(0).count("\n"), file.text, flags=re.DOTALL)
        for match in re.finditer(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text):
            target = match.group(1) or match.group(2)
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            page = (ROOT / file.path).parent / path if path else ROOT / file.path
            line = text.count("\n", 0, match.start()) + 1
            if not page.exists():
                yield at(file, line, f"{target} does not exist")
            elif anchor and page.suffix == ".md" and anchor not in anchors(page.read_text()):
                yield at(file, line, f"{target}: no such heading")


@rule("the picture in docs/ is drawn from the includes as they are")
def picture_is_current(files, _):
    svg = ROOT / picture.PATH
    if not svg.exists() or svg.read_text() != picture.draw(ROWS, include_graph(files)):
        yield f"{picture.PATH}: out of date; run test/arch/arch.py --draw"


def yaml_files(files):
    """(where, text) of every complete configuration in the documentation and in config/"""
    for file in files:
        if file.path.startswith("config/") and file.path.endswith((".yaml", ".yml")):
            if re.match(r"(?:#.*\n|\s)*service:", file.text):
                yield file.path, file.text
        if not file.path.endswith(".md"):
            continue
        for match in re.finditer(r"^```yaml\n(.*?)^```", file.text, re.DOTALL | re.MULTILINE):
            if re.match(r"(?:#.*\n|\s)*service:", match.group(1)):
                line = file.text.count("\n", 0, match.start(1)) + 1
                yield f"{file.path}:{line}", match.group(1)


@rule("`weir check` accepts every example and recipe")
def examples(files, options):
    if not options.weir:
        raise Skipped("no --weir was given")
    with tempfile.TemporaryDirectory(prefix="weir-arch-") as directory:
        for number, (where, text) in enumerate(yaml_files(files)):
            path = Path(directory) / f"example-{number}.yaml"
            path.write_text(text)
            done = subprocess.run([options.weir.resolve(), "check", path], capture_output=True,
                                  text=True, timeout=20)
            if done.returncode != 0:
                said = (done.stdout + done.stderr).strip().replace(str(path), "")
                yield f"{where}: " + said.replace("\n", "\n        ")


class Skipped(Exception):
    pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", type=Path, help="the program, for `weir check`")
    parser.add_argument("--draw", action="store_true", help=f"write {picture.PATH}")
    options = parser.parse_args()
    files = all_files()
    if options.draw:
        (ROOT / picture.PATH).write_text(picture.draw(ROWS, include_graph(files)))
        print(f"wrote {picture.PATH}")
        return 0
    passed = failed = skipped = 0
    for promise, check in RULES:
        try:
            broken = list(check(files, options))
        except Skipped as reason:
            skipped += 1
            print(f"skip  {promise}: {reason}")
            continue
        passed, failed = passed + (not broken), failed + bool(broken)
        print(f"{'FAIL' if broken else 'ok  '}  {promise}")
        for line in broken:
            print(f"      {line}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
