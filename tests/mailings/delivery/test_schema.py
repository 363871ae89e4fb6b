"""Old code does not send from a new database, nor new code from an old one."""

import sys
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pytest_django.fixtures import Settings

from mailings import delivery, tasks
from mailings.delivery import schema
from mailings.models import Delivery
from tests import recipes
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db


def migrated(*, to: str) -> None:
    MigrationRecorder(connection).record_applied("mailings", to)


def test_a_database_of_this_version_is_worked_on() -> None:
    assert delivery.objection(timezone.now()) == ""


def test_a_worker_with_old_code_sends_nothing_from_a_newer_database(
    alice: User, smtp_server: SmtpServer
) -> None:
    """
    Y28. The database is migrated while a worker runs.

    The old code sends nothing more and says that it is to be started anew.
    """
    run = recipes.run(recipes.mailing(alice), pending=2)
    migrated(to="9999_of_tomorrow")
    tasks.pump()
    assert smtp_server.connections == 0
    assert set(run.deliveries.values_list("state", flat=True)) == {
        Delivery.State.PENDING
    }
    assert "newer version" in delivery.objection(timezone.now())


def test_a_run_in_the_middle_is_left_to_the_new_code(
    alice: User,
    smtp_server: SmtpServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules["mailings.delivery.pump"], "_LOOK_EVERY", 0)
    settings.DELIVERY = settings.DELIVERY | {"batch": 5, "connections": 1}
    run = recipes.run(recipes.mailing(alice), pending=100)

    def upgrade(report: delivery.PumpReport) -> None:
        if report.accepted and "newer version" not in schema.mismatch():
            migrated(to="9999_of_tomorrow")

    report = delivery.pump(stop=lambda: False, on_progress=upgrade)
    assert "newer version" in report.objection
    assert 0 < report.accepted < 100
    assert run.deliveries.filter(state=Delivery.State.PENDING).exists()


def test_a_database_that_was_not_migrated_is_left_alone() -> None:
    last = MigrationRecorder(connection).migration_qs.filter(app="users").latest("pk")
    MigrationRecorder(connection).record_unapplied("users", last.name)
    assert "manage.py migrate" in delivery.objection(timezone.now())


def test_what_is_no_migration_beside_them_is_none(tmp_path: Path) -> None:
    """As Django has it: a helper is a package, or its name begins with _ or ~."""
    for name in ("0001_initial.py", "_helpers.py", "__init__.py", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "__init__.py").touch()
    found = schema.migrations_of("mailings", [str(tmp_path)])
    assert found == {("mailings", "0001_initial")}


_LAST_TWO = [
    ("mailings", "0021_client_by_address"),
    ("mailings", "0022_drafts"),
]


@pytest.fixture
def squashed(monkeypatch: pytest.MonkeyPatch) -> str:
    """A migration that stands for the last two of mailings."""
    name = "0002_squashed"
    module = ModuleType(f"mailings.migrations.{name}")
    module.Migration = type("Migration", (Migration,), {"replaces": _LAST_TWO})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(schema, "_KNOWN", schema._KNOWN | {("mailings", name)})
    return name


@pytest.mark.parametrize("has_old", [1, 0])  # their files are still there
@pytest.mark.parametrize("applied", ["old", "both", "new"])
def test_a_squashed_migration_is_what_it_stands_for(
    squashed: str, has_old: int, applied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_old:
        monkeypatch.setattr(schema, "_KNOWN", schema._KNOWN - {*_LAST_TWO})
    if applied != "old":
        migrated(to=squashed)
    if applied == "new":
        for app, name in _LAST_TWO:
            MigrationRecorder(connection).record_unapplied(app, name)
    assert schema.mismatch() == ""
    migrated(to="9999_of_tomorrow")
    assert "newer version" in schema.mismatch()


@pytest.mark.usefixtures("squashed")
def test_half_of_a_squashed_migration_is_not_enough() -> None:
    MigrationRecorder(connection).record_unapplied(
        "mailings", "0020_client_of_owner_by_name"
    )
    assert "manage.py migrate" in schema.mismatch()


def test_the_command_says_why(alice: User) -> None:
    recipes.run(recipes.mailing(alice), pending=1)
    migrated(to="9999_of_tomorrow")
    with pytest.raises(CommandError, match="newer version"):
        call_command("send_due", stdout=StringIO())
