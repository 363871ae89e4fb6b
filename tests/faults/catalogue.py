"""
The tables of faults in docs/reliability.md, written from the tests themselves:

    python -m tests.faults.catalogue

The docstring of a test names the fault by its number, or several (S1 to S32: of the
mail server; Y1 to Y30: of our own systems), says in its first paragraph what goes
wrong, and in its second what is seen then.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reliability.md"
BEGIN = "<!-- Written by tests/faults/catalogue.py from here: {kind} -->"
END = "<!-- to here: {kind} -->"

# What no test of ours builds, or not all of it, and why.
NOT_BUILT = {
    18: "no memory within the C of a library (psycopg, OpenSSL, SQLite), which may end "
    "the process: that is a crash as any other (Y1-Y6); the system's own killer of "
    "processes is kill -9, and the supervisor's restart Y9",
    26: "the power of a whole machine: of SQLite's files there is what each fsync "
    "left, never half of what came after it; PostgreSQL's files are its own promise "
    "(Y12 has the crash of its server). A disk under VAR_DIR that loses a tail while "
    "the machine runs on, as one of a file server does, would be believed: VAR_DIR is "
    "to be a local one",
    29: "a template that takes for ever: placeholders are filled in one pass over the "
    "text, there is nothing that could",
}

_NUMBERS = re.compile(r"([SY])(\d+)(?:-[SY](\d+))?")
_DOCSTRING = re.compile(
    rf"({_NUMBERS.pattern}(?:, {_NUMBERS.pattern})*)[.:] (.+?)\n\n(.+)", re.DOTALL
)
_HEAD = "| | Fault | What is seen | Test |\n|---|---|---|---|\n"


class Row(NamedTuple):
    kind: str  # S or Y
    numbers: frozenset[int]
    named: str  # the numbers as they are written
    fault: str
    seen: str
    test: str

    def __str__(self) -> str:
        cells = (self.named, self.fault, self.seen, f"`{self.test}`")
        return f"| {' | '.join(cells)} |\n"


def rows(kind: str) -> list[Row]:
    """One for each test, by number, and in the order of the files."""
    paths = sorted(TESTS.rglob("test_*.py"), key=lambda path: (path.parent, path.name))
    found = [row for path in paths for row in _rows_of(path) if row.kind == kind]
    return sorted(found, key=lambda row: min(row.numbers))


def _rows_of(path: Path) -> Iterator[Row]:
    is_about_faults = path.parent.name == "faults" and path.name != "test_catalogue.py"
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        if not node.name.lower().startswith("test"):
            continue
        match = _DOCSTRING.fullmatch(inspect.cleandoc(ast.get_docstring(node) or ""))
        if match is not None:
            yield _row(match, path, node.name)
        elif is_about_faults:
            raise ValueError(f"{path.name}: {node.name} does not say which fault")


def _row(match: re.Match[str], path: Path, name: str) -> Row:
    named, *_, fault, seen = match.groups()
    numbers: set[int] = set()
    for _, first, last in _NUMBERS.findall(named):
        numbers |= set(range(int(first), int(last or first) + 1))
    place = path.relative_to(TESTS).with_suffix("").as_posix().removeprefix("faults/")
    return Row(
        named[0],
        frozenset(numbers),
        named,
        _cell(fault),
        _cell(seen),
        f"{place.replace('test_', '')}: {name.removeprefix('test_')}",
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def page() -> str:
    """docs/reliability.md with the tables as they should be."""
    text = PAGE.read_text()
    for kind in "SY":
        begin, end = BEGIN.format(kind=kind), END.format(kind=kind)
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        table = _HEAD + "".join(map(str, rows(kind)))
        if kind == "Y":
            table += "\nNot built, or not all of it:\n\n"
            table += "".join(f"* Y{n}: {why}.\n" for n, why in NOT_BUILT.items())
        text = f"{before}{begin}\n\n{table}\n{end}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page())
