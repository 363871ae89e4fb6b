"""
Every address of the resolver, in every role, by GET and POST: the status is what the
matrix says, and whoever is refused, or only reads, has changed nothing.
"""

import re
from pathlib import Path

import pytest
from django.db import transaction
from django.urls import reverse
from pytest_django.fixtures import Settings

from tests.access import world
from tests.access.matrix import METHODS, ROLES, Row, page, rows
from tests.access.snapshot import Picture, differences, picture, writes
from tests.access.urls import Route, all_routes
from tests.conftest import ROOT, empty_cache

ROUTES = all_routes()
MATRIX = {(row.route, row.method): row for row in rows()}
_NAMELESS = "/admin/nothing/"  # for the patterns of the admin site without a name


def test_every_address_is_in_the_matrix_and_nothing_else() -> None:
    wanted = [(name, method) for name in ROUTES for method in METHODS]
    assert sorted(MATRIX) == sorted(wanted)
    assert {row.route: row.path for row in MATRIX.values()} == {
        route.name: route.path for route in ROUTES.values()
    }


def test_the_page_on_roles_is_written_from_the_matrix() -> None:
    assert (ROOT / "docs" / "roles.md").read_text() == page()


@pytest.fixture
def everything(tmp_path: Path, settings: Settings) -> world.World:
    settings.MAILCATCHER_ENABLED = True
    settings.MAILCATCHER_DIR = tmp_path / "caught"
    return world.build(tmp_path / "caught")


def group_of(name: str) -> str:
    """Addresses that are asked for in one test: those of one kind of object."""
    return re.split(r"[-_/]", name)[0]


@pytest.mark.django_db
@pytest.mark.parametrize("group", sorted({group_of(name) for name in ROUTES}))
def test_everybody_gets_what_the_matrix_says(
    group: str, everything: world.World
) -> None:
    before = picture()
    found, changed = [], []
    for route in ROUTES.values():
        if group_of(route.name) != group:
            continue
        for method in METHODS:
            row, tables = asked_by_all(route, method, everything, before)
            found.append(as_line(row))
            changed += tables
    assert found == [as_line(MATRIX[tuple(line.split()[:2])]) for line in found]
    assert changed == []


def asked_by_all(
    route: Route, method: str, everything: world.World, before: Picture
) -> tuple[Row, list[str]]:
    """What each role gets, and what was changed by whom who may not."""
    address = address_of(route, everything)
    statuses, changed = {}, []
    for role in ROLES:
        statuses[role], tables = asked(everything, role, method, address, before)
        may_change = method == "POST" and is_success(statuses[role], role, address)
        if tables and not may_change:
            changed.append(f"{method} {route.name} as {role}: {tables}")
    return Row(route.name, route.path, method, statuses), changed


def asked(
    everything: world.World, role: str, method: str, address: str, before: Picture
) -> tuple[str, list[str]]:
    """The status, and the tables that changed; all of it undone afterwards."""
    empty_cache()  # no limit of sign-ins is reached here
    browser = everything.as_before(role)
    with transaction.atomic():
        with writes() as statements:
            if method == "GET":
                answer = browser.get(address)
            else:
                answer = browser.post(address, everything.letters)
        tables = differences(before, picture()) if statements else []
        transaction.set_rollback(True)
    to_sign_in = "/login/" in answer.headers.get("Location", "")
    return f"{answer.status_code}{'>' * to_sign_in}", tables


def is_success(status: str, role: str, address: str) -> bool:
    """Done, or shown; anybody may ask to be let in."""
    if role in ("anonymous", "blocked"):
        return address.startswith(("/accounts/", "/i18n/")) and status in ("200", "302")
    return status in ("200", "302")


def address_of(route: Route, everything: world.World) -> str:
    if "/" in route.name:
        return _NAMELESS
    return reverse(route.name, kwargs=everything.address_arguments(route))


def as_line(row: Row) -> str:
    return " ".join((row.route, row.method, *row.statuses.values()))
