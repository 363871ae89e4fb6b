"""
The verbs of imports through the pages. What is small is done at once, the rest is the
worker's; the work itself is `importing.jobs`.
"""

import io
import uuid
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from mailings import schedules
from mailings.importing import jobs
from mailings.importing.columns import Columns
from mailings.importing.reading import count_rows, look
from mailings.importing.sheets import UnreadableFile
from mailings.lifecycle import NotPossible
from mailings.models import Import, ImportChange, ImportFile
from mailings.models.imports import KEPT, UNDOABLE
from mailsvc.validators import one_line
from users.models import User

State = Import.State

AT_ONCE = 2_000  # rows
_CELL_SHOWN = 60  # characters


def upload(
    content: bytes, name: str, *, by: User, list_name: str = "", key: uuid.UUID
) -> Import:
    """
    Keeps the file and has it checked. Raises UnreadableFile, in words.

    The same form sent twice (`key`) is one import.
    """
    known = Import.objects.filter(owner=by, key=key).first()
    if known is not None:
        return known
    head = look(io.BytesIO(content))
    expected = count_rows(io.BytesIO(content))
    if expected > 4 * jobs.MAX_ROWS:  # blank ones may be among them
        raise UnreadableFile(
            _("There are more than %(limit)d rows. Split the file.")
            % {"limit": jobs.MAX_ROWS}
        )
    job = Import(
        owner=by,
        key=key,
        file_name=one_line(name)[:200],
        list_name=list_name,
        language=translation.get_language() or "en",
        state=State.CHECKING if head.is_certain else State.COLUMNS,
        head={"rows": [_shown(cells) for cells in (head.names, *head.samples)]},
        columns=_as_values(head.columns),
        expected=expected,
    )
    try:
        with transaction.atomic():
            job.save(force_insert=True)
            ImportFile.objects.create(of=job, content=content)
    except IntegrityError:  # the other click was faster
        return Import.objects.get(owner=by, key=key)
    _go_on(job)
    return job


def choose_columns(job: Import, columns: Columns) -> None:
    """Has the file checked by these columns."""
    _move(
        job,
        State.CHECKING,
        after=(State.COLUMNS, State.CHECKED),
        columns=_as_values(columns),
        language=translation.get_language() or "en",
    )


def start(job: Import) -> None:
    """Saves what was checked, or goes on; a second click finds it begun."""
    job.refresh_from_db()
    if job.state in (State.SAVING, State.DONE):
        return
    if job.state == State.FAILED:
        _move(job, State(job.stopped_in), after=(State.FAILED,), position=job.position)
        return
    if not ImportFile.objects.filter(of=job).exists():
        raise NotPossible(_("The file is no longer kept. Upload it again."))
    counts: dict[str, Any] = dict.fromkeys(
        ("created", "updated", "unchanged", "rejected"), 0
    )
    _move(job, State.SAVING, after=(State.CHECKED,), **counts)


def undo(job: Import) -> None:
    """What was made goes, what was changed is as it was, as far as nobody used it."""
    job.refresh_from_db()
    if job.state in (State.UNDOING, State.UNDONE):
        return
    objection = why_no_undo(job, timezone.now())
    if objection:
        raise NotPossible(objection)
    changes = ImportChange.objects.filter(of=job).count()
    after = (State.DONE, State.FAILED)
    _move(job, State.UNDOING, after=after, expected=changes)


def why_no_undo(job: Import, now: datetime) -> str:
    """What keeps the import from being undone, in words; else nothing."""
    is_saved = job.state == State.DONE or (
        job.state == State.FAILED and job.stopped_in == State.SAVING
    )
    if not is_saved:
        return _("There is nothing to undo.")
    if job.finished_at is not None and job.finished_at + UNDOABLE < now:
        return _("An import can be undone for %(days)d days; they are over.") % {
            "days": UNDOABLE.days
        }
    if not ImportChange.objects.filter(of=job).exists():
        return _("The import has changed nothing.")
    return ""


def discard(job: Import) -> None:
    """Forgets an upload of which nothing was saved."""
    with transaction.atomic():
        row = Import.objects.select_for_update().get(pk=job.pk)
        stage = row.stopped_in if row.state == State.FAILED else row.state
        if stage not in (State.COLUMNS, State.CHECKING, State.CHECKED):
            raise NotPossible(_("Clients were saved already: undo the import instead."))
        row.delete()


def sweep(now: datetime) -> None:
    """Finds what a lost task or worker has left, and forgets what is kept no longer."""
    for pk in _waiting(now):
        schedules.work_on_import_soon(pk)
    forget(now)


def work_off(now: datetime) -> None:
    """All that waits, here and now: where no worker runs."""
    for pk in _waiting(now):
        jobs.work(pk)
    forget(now)


def forget(now: datetime) -> None:
    """Files after a day, together with the rows that are shown; ways back in a week."""
    old = ImportFile.objects.filter(uploaded_at__lt=now - KEPT)
    old = old.exclude(of__state__in=(State.SAVING, State.CHECKING))
    keys = list(old.values_list("pk", flat=True))
    if keys:
        Import.objects.filter(pk__in=keys).update(found={}, head={})
        ImportFile.objects.filter(pk__in=keys).delete()
    over = Import.objects.filter(finished_at__lt=now - UNDOABLE, state=State.DONE)
    ImportChange.objects.filter(of__in=over).delete()


def _waiting(now: datetime) -> list[int]:
    rows = Import.objects.unclaimed(now).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def _move(
    job: Import,
    state: "Import.State",
    *,
    after: tuple["Import.State", ...],
    **values: Any,
) -> None:
    """To another state; whoever comes second, or too late, is told."""
    unclaimed = {"claim": "", "claimed_until": None, "tries": 0, "problem": ""}
    values = {"position": 0, **unclaimed, **values}
    rows = Import.objects.filter(pk=job.pk, state__in=after)
    if not rows.update(state=state, **values):
        raise NotPossible(_("This is not possible now: the import has gone on."))
    job.refresh_from_db()
    _go_on(job)


def _go_on(job: Import) -> None:
    if not job.is_working:
        return
    if job.expected <= AT_ONCE:
        jobs.work(job.pk)
    else:
        schedules.work_on_import_soon(job.pk)
    job.refresh_from_db()


def _shown(cells: list[str]) -> list[str]:
    return [cell[:_CELL_SHOWN] for cell in cells]


def _as_values(columns: Columns | None) -> dict[str, Any]:
    if columns is None:
        return {"places": {}, "has_names": True}
    return {"places": dict(columns.places), "has_names": columns.has_names}
