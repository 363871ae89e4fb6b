"""Uploads that are worked on by the worker: crashes, stops, other workers, time."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from django.utils import timezone
from django_q.models import OrmQ

from mailings import imports, tasks
from mailings.importing import jobs, saving, undoing
from mailings.models import Client, Import, ImportChange, ImportFile
from mailsvc import shutdown
from tests import recipes
from users import blocking
from users.models import AuditEntry, User

ROWS = 6
FILE = (
    "email,name\n"
    + "".join(f"c{n}@example.com,C\n" for n in range(ROWS))
    + "bad,\nc0@example.com,again\n"
)


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "CHUNK", 2)
    monkeypatch.setattr(undoing, "CHUNK", 2)
    monkeypatch.setattr(imports, "AT_ONCE", 0)


@pytest.fixture
def checked(alice: User) -> Import:
    job = recipes.uploaded(alice, FILE)
    jobs.work(job.pk)
    job.refresh_from_db()
    assert job.state == "checked"
    return job


def later(**by: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**by), tick=False)


def figures(job: Import) -> tuple[int, int, int, int]:
    job.refresh_from_db()
    return job.created, job.updated, job.unchanged, job.rejected


@pytest.fixture
def breaks_after(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Any]]:
    """The database goes away when so many changes are put down already."""

    def arm(steps: int) -> Any:
        context, real, count = pytest.MonkeyPatch(), jobs._changes, iter(range(99))

        def changes(job: Import, plan: saving.Plan) -> Iterator[ImportChange]:
            if next(count) >= steps:
                raise OperationalError
            yield from real(job, plan)

        context.setattr(jobs, "_changes", changes)
        return context

    return arm


def test_a_crash_in_mid_saving_is_made_up_for_without_doubles(
    checked: Import, breaks_after: Callable[[int], Any]
) -> None:
    imports.start(checked)
    context = breaks_after(2)
    with pytest.raises(OperationalError):
        jobs.work(checked.pk)
    context.undo()
    assert figures(checked)[0] == 4 == Client.objects.count()
    assert (checked.state, checked.changes.count()) == ("saving", 4)

    jobs.work(checked.pk)  # the claim of the dead one is still good
    assert Client.objects.count() == 4
    OrmQ.objects.all().delete()
    with later(minutes=2):
        tasks.sweep()
        assert "mailings.tasks.work_on_import" in [q.func() for q in OrmQ.objects.all()]
        tasks.work_on_import(checked.pk)
    assert figures(checked) == (ROWS, 0, 0, 2)
    assert (checked.state, Client.objects.count()) == ("done", ROWS)
    assert AuditEntry.objects.filter(action="imported").count() == 1


def test_what_breaks_again_and_again_is_shown_as_interrupted_and_can_go_on(
    checked: Import, breaks_after: Callable[[int], Any]
) -> None:
    imports.start(checked)
    context = breaks_after(0)
    for minutes in (0, 2, 4):
        with later(minutes=minutes), pytest.raises(OperationalError):
            jobs.work(checked.pk)
    context.undo()
    with later(minutes=6):
        jobs.work(checked.pk)
    checked.refresh_from_db()
    assert (checked.state, checked.stopped_in) == ("failed", "saving")
    assert "more than once" in checked.problem

    imports.start(checked)
    jobs.work(checked.pk)
    assert figures(checked) == (ROWS, 0, 0, 2)
    assert checked.state == "done"


def test_a_worker_that_stops_leaves_the_rest_to_the_next(checked: Import) -> None:
    imports.start(checked)
    shutdown.request()
    jobs.work(checked.pk)
    assert figures(checked)[0] == 2
    shutdown.reset()
    jobs.work(checked.pk)
    assert figures(checked)[0] == ROWS


def test_who_has_lost_the_claim_saves_nothing_more(
    checked: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    imports.start(checked)
    real = jobs._changes

    def taken(job: Import, plan: saving.Plan) -> Iterator[ImportChange]:
        yield from real(job, plan)
        Import.objects.filter(pk=job.pk).update(claim="another's")

    monkeypatch.setattr(jobs, "_changes", taken)
    jobs.work(checked.pk)
    assert not Client.objects.exists()
    assert not ImportChange.objects.exists()


def test_an_undo_goes_on_after_a_stop(checked: Import) -> None:
    imports.start(checked)
    jobs.work(checked.pk)
    imports.undo(checked)
    shutdown.request()
    jobs.work(checked.pk)
    assert Client.objects.count() == ROWS - 2
    shutdown.reset()
    jobs.work(checked.pk)
    checked.refresh_from_db()
    assert (checked.state, checked.undone) == ("undone", ROWS)
    assert not Client.objects.exists()


def test_where_cron_does_the_work_it_does_imports(alice: User) -> None:
    job = recipes.uploaded(alice, FILE)
    imports.work_off(timezone.now())
    job.refresh_from_db()
    assert job.state == "checked"


def test_nothing_goes_on_for_the_blocked(checked: Import, admin: User) -> None:
    imports.start(checked)
    blocking.block(checked.owner, by=admin, reason="Spam")
    jobs.work(checked.pk)
    assert not Client.objects.exists()


def test_the_file_and_what_was_shown_of_it_are_forgotten_after_a_day(
    checked: Import,
) -> None:
    with later(hours=23):
        imports.sweep(timezone.now())
        assert ImportFile.objects.exists()
    with later(hours=25):
        imports.sweep(timezone.now())
        assert not ImportFile.objects.exists()
        checked.refresh_from_db()
        assert (checked.found, checked.head) == ({}, {})
        with pytest.raises(imports.NotPossible, match="no longer kept"):
            imports.start(checked)


def test_an_import_can_be_undone_for_a_week(checked: Import) -> None:
    imports.start(checked)
    jobs.work(checked.pk)
    with later(days=8):
        imports.sweep(timezone.now())
        assert not ImportChange.objects.exists()
        with pytest.raises(imports.NotPossible, match="for 7 days"):
            imports.undo(checked)
    assert Client.objects.count() == ROWS


def test_too_many_rows_are_told_and_nothing_is_saved(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_ROWS", 3)
    job = recipes.uploaded(alice, FILE)
    jobs.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.problem) == (
        "failed",
        "There are more than 3 rows. Split the file.",
    )
