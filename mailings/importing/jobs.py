"""
The work on an uploaded file: check it, save it, undo it; steps that survive a crash.

Whoever works holds a claim for a minute, renewed with every step. A step is saved in
one transaction with the rows it is about, and only while the claim is still held.
"""

import io
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from mailings.importing import undoing
from mailings.importing.columns import Columns
from mailings.importing.findings import Findings
from mailings.importing.reading import Row, read_rows
from mailings.importing.saving import (
    Beside,
    ImportReport,
    Plan,
    compared,
    find_list,
    put_on_record,
    saved,
    with_key,
)
from mailings.importing.sheets import UnreadableFile
from mailings.importing.verdicts import judged
from mailings.models import Import, ImportChange, ImportFile
from mailsvc import shutdown

State = Import.State

MAX_ROWS = 250_000
CLAIM = timedelta(minutes=1)
TRIES = 3


class _Lost(Exception):
    """Somebody else has the claim, or the import is gone."""


class _Stopped(Exception):
    """The worker shall end; another one goes on."""


def work(pk: int) -> None:
    """
    Does what there is to do for this import, if nobody does it already.

    An error leaves the claim to run out: the sweep has it tried again, three times.
    """
    job = _claimed(pk, timezone.now())
    if job is None:
        return
    if job.tries > TRIES:
        _fail(job, _("It could not be finished: there was an error, more than once."))
        return
    with translation.override(job.language):
        try:
            _STEPS[State(job.state)](job)
        except UnreadableFile as error:
            _fail(job, str(error))
        except _Stopped:
            _write(job, claim="", claimed_until=None, tries=0)
        except _Lost:
            return


def file_of(job: Import) -> io.BytesIO:
    """Raises UnreadableFile if it is no longer kept."""
    found = ImportFile.objects.filter(of=job).first()
    if found is None:
        raise UnreadableFile(_("The file is no longer kept. Upload it again."))
    return io.BytesIO(found.content)


def rows_of(job: Import) -> Iterator[Row]:
    """The rows of the file, by the columns that were guessed or chosen."""
    columns = Columns(job.columns["places"], has_names=job.columns["has_names"])
    for count, row in enumerate(read_rows(file_of(job), columns), start=1):
        if count > MAX_ROWS:
            raise UnreadableFile(
                _("There are more than %(limit)d rows. Split the file.")
                % {"limit": MAX_ROWS}
            )
        yield row


def _claimed(pk: int, now: datetime) -> Import | None:
    claim = secrets.token_hex(16)
    mine = Import.objects.filter(pk=pk).unclaimed(now)
    values = {"claim": claim, "claimed_until": now + CLAIM, "tries": F("tries") + 1}
    if not Import.objects.filter(pk__in=mine.values("pk")).update(**values):
        return None
    # Of two at the same moment only one finds its own claim.
    return Import.objects.filter(pk=pk, claim=claim).select_related("owner").first()


def _write(job: Import, **values: object) -> None:
    """Fenced: raises _Lost if the claim is no longer ours."""
    mine = Import.objects.filter(pk=job.pk, claim=job.claim, state=job.state)
    if not mine.update(**values):
        raise _Lost


def _step(job: Import, **values: object) -> None:
    _write(job, claimed_until=timezone.now() + CLAIM, tries=0, **values)


def _finish(job: Import, state: "Import.State", **values: object) -> None:
    values |= {"claim": "", "claimed_until": None, "tries": 0}
    _write(job, state=state, finished_at=timezone.now(), **values)


def _fail(job: Import, problem: str) -> None:
    _finish(job, State.FAILED, stopped_in=job.state, problem=problem)


def _require_no_stop() -> None:
    if shutdown.requested():
        raise _Stopped


# --- the three kinds of work ---


def _check(job: Import) -> None:
    """Says what would be done; begins anew after a crash, as nothing is saved."""
    findings = Findings(job.owner)
    for plan in compared(judged(rows_of(job), findings.rejected), job.owner):
        findings.add(plan)
        _step(job, position=plan.last)
        _require_no_stop()
    _finish(job, State.CHECKED, position=0, **findings.as_values())


class _Record(Beside):
    """Puts down, together with a chunk, what was done and how far it got."""

    def __init__(self, job: Import, report: ImportReport) -> None:
        self.job = job
        self.report = report

    def begun(self) -> None:
        # The claim is renewed first: the row stays locked until all is saved.
        _step(self.job)

    def done(self, plan: Plan) -> None:
        ImportChange.objects.bulk_create(list(_changes(self.job, plan)))
        _write(
            self.job,
            position=plan.last,
            created=F("created") + len(plan.new),
            updated=F("updated") + len(plan.changed),
            unchanged=F("unchanged") + len(plan.same),
            rejected=self.report.rejected,
        )


def _changes(job: Import, plan: Plan) -> Iterator[ImportChange]:
    """What there will be to undo."""
    new = {client.pk for client in plan.new}
    for client in plan.clients:
        is_listed = client.pk in plan.joined
        if client.pk not in new and client.pk not in plan.before and not is_listed:
            continue
        old_name, old_comment = plan.before.get(
            client.pk, (client.full_name, client.comment)
        )
        yield ImportChange(
            of=job,
            client=client,
            is_new=client.pk in new,
            is_listed=is_listed,
            email=client.email,
            full_name=client.full_name,
            comment=client.comment,
            old_full_name=old_name,
            old_comment=old_comment,
        )


def _save(job: Import) -> None:
    """Goes on below the last row that was saved."""
    report = ImportReport(keep_errors=False)
    good = judged(rows_of(job), report.reject)
    rest = (candidate for candidate in good if candidate.number > job.position)
    client_list = None
    if job.list_name:
        client_list = with_key(find_list(job.owner, job.list_name))
        _step(job, client_list=client_list)
    for _plan in saved(rest, job.owner, client_list, _Record(job, report)):
        _require_no_stop()
    with transaction.atomic():
        _finish(job, State.DONE, rejected=report.rejected)
        if not report.rejected:
            ImportFile.objects.filter(of=job).delete()
        job.refresh_from_db()
        put_on_record(job, job.file_name, by=job.owner)


def _undo(job: Import) -> None:
    while changes := list(job.changes.order_by("pk")[: undoing.CHUNK]):
        with transaction.atomic():
            _step(job)
            undone, left = undoing.undo(job, changes)
            job.undone += undone
            job.position += len(changes)
            for why, count in left.items():
                job.left[why] = job.left.get(why, 0) + count
            _write(job, undone=job.undone, left=job.left, position=job.position)
        _require_no_stop()
    with transaction.atomic():
        _finish(job, State.UNDONE)
        undoing.put_on_record(job)


_STEPS = {State.CHECKING: _check, State.SAVING: _save, State.UNDOING: _undo}
