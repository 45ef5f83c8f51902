"""The repository as the rules see it: files, includes, and the shape of C++ code.

C++ is read approximately, by its braces and by the layout that clang-format gives it: enough for
sizes and parameters, no substitute for a compiler.
"""

import re
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
CONTROL = re.compile(r"^(?:\}?\s*else\b|(?:\}\s*)?(?:if|for|while|switch|do|try|catch)\b)")
SCOPE = re.compile(r"\b(?:namespace|class|struct|union|enum)\b|\bextern\s*$")
COMMENT_OR_TEXT = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)


@dataclass
class Function:
    line: int
    lines: int
    parameters: list
    nesting: int = 0


@dataclass
class Block:
    kind: str  # scope, function, control or other
    start: int
    function: Function = None


@dataclass
class Code:
    """Functions with a body, and the parameters of those that are only declared."""
    functions: list = field(default_factory=list)
    declarations: list = field(default_factory=list)  # (line, parameters)


def blank(text):
    """The same text with comments and literals blanked out; lines and columns stay."""
    def spaces(match):
        found = match.group(0)
        if found.startswith("'") and match.start() and text[match.start() - 1].isalnum():
            return found  # a digit separator: 10'000
        return re.sub(r"[^\n]", " ", found)
    text = COMMENT_OR_TEXT.sub(spaces, text)
    return re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text,
                  flags=re.MULTILINE)


def parameters_of(chunk):
    """The parameters of the first parenthesis that follows a name; None when there is none."""
    found = re.search(r"(?:\w|operator\s*\(\)|operator\s*\S{1,3})\s*\(", chunk)
    if not found:
        return None
    depth, start, parts = 1, found.end(), []
    for at in range(found.end(), len(chunk)):
        letter = chunk[at]
        if letter in "([{<":
            depth += 1
        elif letter in ")]}" or (letter == ">" and chunk[at - 1] != "-"):
            depth -= 1
        if depth == 0 or (depth == 1 and letter == ","):
            parts.append(chunk[start:at].strip())
            start = at + 1
        if depth == 0:
            break
    return [part for part in parts if part and part != "void"]


def read_code(text):
    """The shape of a source file."""
    written = text.splitlines()
    text = blank(text)
    # Pages and tables in raw literals are no code.
    literal = [bool(line.strip()) and not left.strip() and not line.lstrip().startswith("//")
               for line, left in zip(written, text.splitlines())]
    code, stack = Code(), []
    start, parentheses = 0, 0
    line_of = [0] * (len(text) + 1)
    for at, letter in enumerate(text):
        line_of[at + 1] = line_of[at] + (letter == "\n")

    def begin_of(chunk_start):
        rest = text[chunk_start:]
        return line_of[chunk_start + len(rest) - len(rest.lstrip())] + 1

    for at, letter in enumerate(text):
        if letter in "()":
            parentheses += 1 if letter == "(" else -1
        elif letter == "{":
            chunk = re.sub(r"^(?:\s*(?:public|private|protected)\s*:)+", "", text[start:at])
            block = _block(chunk.strip(), text[at - 1] if at else " ", stack, parentheses)
            block.start = begin_of(start)
            if block.kind == "function":
                block.function = Function(block.start, 0, parameters_of(chunk) or [])
                code.functions.append(block.function)
            stack.append(block)
            if block.kind == "control":
                _count_nesting(stack)
            if block.kind != "other":
                start = at + 1
        elif letter == "}" and stack:
            block = stack.pop()
            if block.function:
                end = line_of[at] + 1
                block.function.lines = end + 1 - block.start - sum(literal[block.start - 1:end])
            if block.kind != "other":
                start = at + 1
        elif letter == ";" and parentheses == 0:
            in_scope = not stack or stack[-1].kind == "scope"
            chunk = text[start:at]
            if in_scope and "(" in chunk and not re.match(r"\s*(?:using|static_assert)\b", chunk):
                code.declarations.append((begin_of(start), parameters_of(chunk) or []))
            start = at + 1
    return code


def _block(chunk, before, stack, parentheses):
    in_scope = all(block.kind == "scope" for block in stack)
    attached = not before.isspace()  # `value_{1}`, `Type{}`: an initialiser
    if attached or parentheses or chunk.endswith(("=", ",", "return")):
        return Block("other", 0)
    if CONTROL.match(chunk):
        return Block("control", 0)
    is_type = re.search(r"\b(?:class|struct|enum|namespace)\b[^()]*$", chunk)
    if in_scope and "(" in chunk and not is_type:
        return Block("function", 0)
    if SCOPE.search(chunk):
        return Block("scope", 0)
    return Block("other" if chunk else "control", 0)


def _count_nesting(stack):
    depth = sum(block.kind == "control" for block in stack)
    for block in stack:
        if block.function:
            block.function.nesting = max(block.function.nesting, depth)


@dataclass
class File:
    path: str  # from the root, with slashes

    @cached_property
    def text(self):
        return (ROOT / self.path).read_text(encoding="utf-8", errors="replace")

    @cached_property
    def lines(self):
        return self.text.splitlines()

    @cached_property
    def code(self):
        return read_code(self.text)

    @cached_property
    def blanked(self):
        return blank(self.text).splitlines()

    @cached_property
    def includes(self):
        """(line, the quoting character, what is included)"""
        return [(self.text.count("\n", 0, match.start(2)) + 1, match.group(1), match.group(2))
                for match in INCLUDE.finditer(self.text)]

    @property
    def name(self):
        return self.path.rpartition("/")[2]

    @property
    def is_header(self):
        return self.path.endswith(".h")

    @property
    def is_cpp(self):
        return self.path.endswith((".h", ".cpp"))

    @property
    def folder(self):
        """The folder of the design that it belongs to; empty outside src and include."""
        found = re.match(r"(?:include/weir|src)/(\w+)/", self.path)
        return found.group(1) if found else ""

    @property
    def is_public(self):
        return self.path.startswith("include/")


def all_files():
    """Everything that is or may be committed, in order; known to git, or new and not ignored."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
                  if not {".git", "build", "__pycache__"} & set(path.parts)]
    return [File(path) for path in sorted(set(listed)) if path and (ROOT / path).is_file()]
