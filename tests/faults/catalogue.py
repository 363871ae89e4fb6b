"""
The table of faults in docs/reliability.md, written from the tests themselves:

    python -m tests.faults.catalogue

The docstring of a test names the fault by its number, says in its first paragraph what
goes wrong, and in its second what is seen then.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reliability.md"
BEGIN = "<!-- Written by tests/faults/catalogue.py from here -->"
END = "<!-- to here -->"

_DOCSTRING = re.compile(r"([SY])(\d+)\. (.+?)\n\n(.+)", re.DOTALL)
_HEAD = "| | Fault | What is seen | Test |\n|---|---|---|---|\n"


class Row(NamedTuple):
    kind: str  # S: of the mail server; Y: of our own systems
    number: int
    fault: str
    seen: str
    test: str

    def __str__(self) -> str:
        cells = (f"{self.kind}{self.number}", self.fault, self.seen, f"`{self.test}`")
        return f"| {' | '.join(cells)} |\n"


def rows() -> list[Row]:
    """One for each test, by number, and in the order of the files."""
    found = [row for path in sorted(HERE.glob("test_*.py")) for row in _rows_of(path)]
    return sorted(found, key=lambda row: (row.kind, row.number))


def _rows_of(path: Path) -> Iterator[Row]:
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
            continue
        match = _DOCSTRING.fullmatch(inspect.cleandoc(ast.get_docstring(node) or ""))
        if match is None:
            if path.name != "test_catalogue.py":
                raise ValueError(f"{path.name}: {node.name} does not say which fault")
            continue
        kind, number, fault, seen = match.groups()
        yield Row(
            kind,
            int(number),
            _cell(fault),
            _cell(seen),
            f"{path.stem.removeprefix('test_')}: {node.name.removeprefix('test_')}",
        )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def page() -> str:
    """docs/reliability.md with the table as it should be."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    table = _HEAD + "".join(map(str, rows()))
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page())
