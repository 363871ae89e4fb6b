"""Old code does not send from a new database, nor new code from an old one."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from mailings import delivery, tasks
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


def test_a_database_that_was_not_migrated_is_left_alone() -> None:
    last = MigrationRecorder(connection).migration_qs.filter(app="users").latest("pk")
    MigrationRecorder(connection).record_unapplied("users", last.name)
    assert "manage.py migrate" in delivery.objection(timezone.now())


def test_the_command_says_why(alice: User) -> None:
    recipes.run(recipes.mailing(alice), pending=1)
    migrated(to="9999_of_tomorrow")
    with pytest.raises(CommandError, match="newer version"):
        call_command("send_due", stdout=StringIO())
