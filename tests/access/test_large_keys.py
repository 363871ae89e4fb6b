"""Numbers are written in groups of three, and the keys of rows never are."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.urls import reverse
from pytest_django.fixtures import Settings

from tests.access import world
from tests.access.urls import all_routes

FIRST = 1_234_001
_GROUPED = re.compile(r"1(?:,|\u00a0|&nbsp;)234(?:,|\u00a0|&nbsp;)\d{3}")


def _begin_at(first: int) -> None:
    """The next row of each table of ours has this key."""
    tables = [
        model._meta.db_table
        for app in ("mailings", "users")
        for model in apps.get_app_config(app).get_models()
        if model._meta.pk.name == "id"
    ]
    with connection.cursor() as cursor:
        for table in tables:
            if connection.vendor == "postgresql":
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)",
                    [table, first],
                )
            else:
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
                cursor.execute(
                    "INSERT INTO sqlite_sequence VALUES (%s, %s)", [table, first]
                )


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_page_writes_a_key_as_a_number(
    language: str, tmp_path: Path, settings: Settings
) -> None:
    settings.MAILCATCHER_ENABLED = True
    settings.MAILCATCHER_DIR = tmp_path / "caught"
    _begin_at(FIRST)
    everything = world.build(tmp_path / "caught")
    found = []
    for route in all_routes().values():
        if route.name.startswith("admin"):
            continue
        path = reverse(route.name, kwargs=everything.address_arguments(route))
        for role in ("owner", "manager"):
            browser = everything.as_before(role)
            browser.cookies["django_language"] = language
            answer = browser.get(path)
            if "html" in answer.get("Content-Type", ""):
                page = answer.content.decode()
                found += [(path, match.group()) for match in _GROUPED.finditer(page)]
    assert found == []
