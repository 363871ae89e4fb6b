"""Old code does not send from a new database, nor new code from an old one."""

import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
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


def test_the_command_says_why(alice: User) -> None:
    recipes.run(recipes.mailing(alice), pending=1)
    migrated(to="9999_of_tomorrow")
    with pytest.raises(CommandError, match="newer version"):
        call_command("send_due", stdout=StringIO())
