"""
A database that wakes up elsewhere, or older than it was, sends nothing.

Each `VAR_DIR` is a host: these tests go from one to another by settings alone.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from mailings import delivery, lifecycle, tasks
from mailings.delivery import identity, identity_file
from mailings.models import Host, Installation, Run
from tests import recipes
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support.commands import call
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

At = Callable[[str], None]
Rows = dict[type[Any], list[dict[str, Any]]]

OLDER, ELSEWHERE = "a backup was restored", "it was moved or copied"


@pytest.fixture
def at(settings: Settings, tmp_path: Path) -> At:
    """From now on this process works in another directory."""

    def move(name: str) -> None:
        settings.DELIVERY = settings.DELIVERY | {
            "identity_dir": tmp_path / name / "identity",
            "journal_dir": tmp_path / name / "journal",
        }

    move("here")
    return move


def objection() -> str:
    return delivery.objection(timezone.now())


def work() -> None:
    assert objection() == ""


def copied() -> Rows:
    """What a backup has of the identity."""
    return {model: list(model.objects.values()) for model in (Installation, Host)}


def restore(rows: Rows) -> None:
    for model in (Host, Installation):
        model.objects.all().delete()
    for model in (Installation, Host):
        model.objects.bulk_create(model(**row) for row in rows[model])


# --- who may work at once ---


def test_a_fresh_database_is_taken_by_the_first_to_come(at: At) -> None:
    work()
    assert Host.objects.get().admitted_at is not None
    assert delivery.hold(timezone.now()) is None


def test_starting_again_in_the_same_place_is_nothing(at: At) -> None:
    for _ in range(5):
        work()
    assert Host.objects.get().beats == 5


def test_a_directory_that_has_known_other_databases_takes_a_fresh_one(at: At) -> None:
    work()
    first = copied()
    restore({Installation: [], Host: []})
    work()  # as after DATABASE_URL was changed
    restore(first)
    work()  # and changed back


def test_a_file_of_zeros_after_a_power_loss_is_a_question(
    at: At, tmp_path: Path
) -> None:
    work()
    (path,) = (tmp_path / "here" / "identity").iterdir()
    path.write_bytes(b"\0" * 512)
    assert ELSEWHERE in objection()


# --- several hosts ---


def test_a_second_host_is_admitted_when_it_sees_the_first_at_work(at: At) -> None:
    work()
    at("there")
    assert ELSEWHERE in objection()
    assert ELSEWHERE in objection()  # waiting alone proves nothing
    at("here")
    work()
    at("there")
    work()
    at("here")
    work()


def test_a_newcomer_is_nothing_to_speak_of_while_others_work(at: At) -> None:
    work()
    at("there")
    assert objection()
    assert delivery.hold(timezone.now()) is None
    Host.objects.update(beat_at=recipes.moment("2026-01-01 09:00"))
    hold = delivery.hold(timezone.now())
    assert hold is not None
    assert not hold.is_older


# --- elsewhere ---


def test_a_copy_of_the_database_in_an_empty_directory_is_held(at: At) -> None:
    work()
    at("copy")
    for _ in range(3):
        assert ELSEWHERE in objection()


def test_a_copy_of_the_whole_directory_is_held(at: At, tmp_path: Path) -> None:
    work()
    shutil.copytree(tmp_path / "here", tmp_path / "copy")
    at("copy")
    assert ELSEWHERE in objection()
    at("here")
    work()  # where it was, it still is


def test_the_same_directory_on_another_machine_is_held(
    at: At, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_file, "_CONTAINERS", ())
    monkeypatch.setattr(identity_file, "_MACHINE_ID", tmp_path / "machine-id")
    (tmp_path / "machine-id").write_text("one\n")
    work()
    work()
    (tmp_path / "machine-id").write_text("another\n")
    assert ELSEWHERE in objection()


def test_in_a_container_the_machine_may_be_another_each_time(
    at: At, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".dockerenv").touch()
    monkeypatch.setattr(identity_file, "_CONTAINERS", (tmp_path / ".dockerenv",))
    monkeypatch.setattr(identity_file, "_MACHINE_ID", tmp_path / "machine-id")
    for name in ("one", "another"):
        (tmp_path / "machine-id").write_text(name)
        work()


# --- older ---


def test_a_backup_from_before_the_last_work_holds_every_host(at: At) -> None:
    work()
    at("there")
    objection()
    at("here")
    work()
    at("there")
    work()
    backup = copied()
    at("here")
    work()
    restore(backup)
    assert OLDER in objection()
    at("there")  # knows nothing of what is missing
    assert OLDER in objection()
    hold = delivery.hold(timezone.now())
    assert hold is not None
    assert hold.is_older


def test_a_backup_from_before_this_host_came_is_held(at: At) -> None:
    work()
    backup = copied()
    at("there")
    objection()
    at("here")
    work()
    at("there")
    work()
    restore(backup)
    assert OLDER in objection()


def test_a_backup_of_the_last_moment_goes_on(at: At) -> None:
    work()
    backup = copied()
    restore(backup)
    work()


def test_a_beat_whose_commit_failed_is_not_noted(at: At) -> None:
    work()
    with transaction.atomic():
        assert identity.may_work(timezone.now())
        transaction.set_rollback(True)
    work()


@pytest.mark.usefixtures("smtp_server")
def test_what_was_sent_after_the_backup_is_missed(
    at: At, given_run: GivenRun, pump: Pump
) -> None:
    """One message is enough, by a pump that had begun before."""
    given_run(1)
    with _claims_of_a_pump(pump) as before_its_claim:
        pump()
    restore(before_its_claim)
    assert OLDER in objection()


@contextmanager
def _claims_of_a_pump(pump: Pump) -> Iterator[Rows]:
    """A backup of when the pump was up, and had not claimed yet."""
    work()
    backup = copied()
    for row in backup[Host]:
        row["beats"] += 1  # the pump's look at its beginning
    yield backup


# --- what a hold is ---


@pytest.fixture
def held(at: At, alice: User, given_run: GivenRun) -> Run:
    """A run of two, in a database that was copied elsewhere; another mailing is due."""
    run = given_run(2)
    work()
    recipes.mailing(alice, clients=list(run.mailing.recipients()))
    Host.objects.update(beat_at=recipes.moment("2026-01-01 09:00"))
    at("copy")
    return run


DOORS: dict[str, Callable[[Run], object]] = {
    "sweep": lambda run: tasks.sweep(),
    "pump": lambda run: tasks.pump(),
    "start": lambda run: tasks.start_mailing(run.mailing_id),
    "send_due": lambda run: call("send_due"),
    "send_mailing": lambda run: call("send_mailing", run.mailing_id),
}


@pytest.mark.parametrize("door", DOORS)
def test_nothing_is_planned_or_sent_through_any_door(
    door: str, held: Run, smtp_server: SmtpServer
) -> None:
    for _ in range(2):
        DOORS[door](held)
    assert smtp_server.connections == 0
    assert Run.objects.count() == 1
    assert ledger(held) == {}


@pytest.mark.parametrize("command", ["send_due", "send_mailing"])
def test_commands_say_why_and_exit_with_1(command: str, held: Run) -> None:
    arguments = [held.mailing_id] if command == "send_mailing" else []
    assert ELSEWHERE in call(command, *arguments).failure


def test_the_button_says_why(held: Run, alice: User) -> None:
    objection()
    with pytest.raises(lifecycle.NotPossible, match=ELSEWHERE):
        lifecycle.send_soon(held.mailing, by=alice)


def test_a_dry_run_tells_all_the_same(held: Run) -> None:
    assert (
        call("send_mailing", held.mailing_id, "--dry-run", "--json").data["recipients"]
        == 2
    )


def test_a_pump_at_work_stops_when_the_database_is_no_longer_its_own(
    at: At, given_run: GivenRun, pump: Pump, smtp_server: SmtpServer, settings: Settings
) -> None:
    settings.DELIVERY = settings.DELIVERY | {"connections": 1, "batch": 4}
    run = given_run(60)

    def restored(_: object) -> None:
        Host.objects.update(beats=0)

    report = pump(on_progress=restored)
    assert OLDER in report.objection
    assert 0 < len(smtp_server.received) < 60
    done = ledger(run)
    assert done["accepted"] == len(smtp_server.received)
    assert done["pending"] == 60 - done["accepted"]


# --- and how it ends ---


def test_after_the_confirmation_it_goes_on(held: Run, smtp_server: SmtpServer) -> None:
    assert objection()
    delivery.confirm()
    called = call("send_due", "--json")
    assert (called.failure, called.data["accepted"]) == ("", 4)
    assert len(smtp_server.received) == 4


def test_after_an_older_backup_was_confirmed_all_hosts_go_on(at: At) -> None:
    work()
    backup = copied()
    work()
    restore(backup)
    assert objection()
    delivery.confirm()
    work()
    at("there")
    objection()
    at("here")
    work()
    at("there")
    work()


def test_a_copy_that_was_confirmed_is_an_installation_of_its_own(at: At) -> None:
    work()
    original = copied()
    at("copy")
    objection()
    delivery.confirm()
    work()
    assert Installation.objects.get().key != original[Installation][0]["key"]
    restore(original)
    assert objection()  # the copy's host is none of the original's
    at("here")
    work()


def test_a_directory_that_cant_be_written_to_is_told_in_words(
    at: At, tmp_path: Path
) -> None:
    (tmp_path / "here").touch()
    assert "can't be kept" in objection()
