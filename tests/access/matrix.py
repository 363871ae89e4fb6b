"""
The matrix of access, as data: `matrix.txt` has a line for every address and method,
with the status that each role gets. docs/roles.md is written from it:

    python -m tests.access.matrix > docs/roles.md
"""

import sys
from pathlib import Path
from typing import NamedTuple

ROLES = (
    "anonymous",
    "blocked",
    "owner",
    "other",
    "viewer",
    "editor",
    "manager",
    "admin",
)
METHODS = ("GET", "POST")

_FILE = Path(__file__).with_name("matrix.txt")
_SECTIONS = {
    "home": "Pages of everybody",
    "healthz": "For who watches",
    "readyz": "For who watches",
    "metrics": "For who watches",
    "mailings": "Clients, messages, mailings, runs",
    "reports": "Reports",
    "manage": "Managers' pages",
    "users": "Settings and accounts",
    "accounts": "Settings and accounts",
    "i18n": "Pages of everybody",
    "admin": "The admin site",
}
_HEAD = """\
# Who may do what

Written from the data of the test that asks for every address in every role
(`tests/access/matrix.txt`; `python -m tests.access.matrix > docs/roles.md`). After
every refusal the test finds the database unchanged.

* **anonymous**: not signed in. **blocked**: with the cookie of a session that was
  alive when they were blocked.
* **owner**: of the object that the page is about. **other**: somebody with nothing to
  do with it. **viewer**, **editor**: with whom it is shared, to see or to change.
* **manager**: in the group *Managers*. **admin**: a superuser.

All of them come from another machine and without `METRICS_TOKEN`.

200: gets the page. 302: was done, or sent on; `sign in` is a 302 to the page for
signing in. 403: sees it and may not do it. 404: does not exist for them. 405: not by
this method. Roles are groups of permissions: an installation may make others on the
admin site.
"""


class Row(NamedTuple):
    route: str
    path: str
    method: str
    statuses: dict[str, str]  # role -> status; "302>" leads to the page for signing in


def rows() -> list[Row]:
    lines = _FILE.read_text().splitlines()
    return [_row(line) for line in lines if line and not line.startswith("#")]


def _row(line: str) -> Row:
    route, path, method, *statuses = line.split()
    return Row(route, path, method, dict(zip(ROLES, statuses, strict=True)))


def page() -> str:
    """docs/roles.md."""
    sections: dict[str, list[Row]] = {title: [] for title in _SECTIONS.values()}
    for row in rows():
        first = row.path.split("/")[1] or "home"
        app = row.route.partition(":")[0]
        sections[_SECTIONS.get(first) or _SECTIONS.get(app) or first].append(row)
    text = [_HEAD]
    for title, found in sections.items():
        text.append(f"## {title}\n")
        text.append(f"| page | | {' | '.join(ROLES)} |")
        text.append(f"|---|---|{'---|' * len(ROLES)}")
        text.extend(_line(row) for row in found)
        text.append("")
    return "\n".join(text)


def _line(row: Row) -> str:
    cells = (status.replace("302>", "sign in") for status in row.statuses.values())
    path = row.path.replace("|", r"\|")
    return f"| `{path}` | {row.method} | {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page())
