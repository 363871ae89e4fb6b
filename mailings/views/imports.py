"""Clients from a file: upload, check, confirm, look on, undo."""

import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.generic import FormView
from django.views.generic.detail import SingleObjectMixin

from mailings import imports
from mailings.forms.imports import ColumnsForm, UploadForm
from mailings.importing import UnreadableFile
from mailings.importing.columns import Columns
from mailings.importing.jobs import MAX_ROWS, rows_of
from mailings.importing.verdicts import judged
from mailings.lifecycle import NotPossible
from mailings.models import Import, ImportFile
from mailings.tables import ImportTable
from mailings.views.access import AtHand, Own, Visible
from mailsvc import exports
from mailsvc.views import ConfirmPage, DetailPage

State = Import.State

_RECENT = 10
_REFRESH = 2  # seconds


class UploadPage(AtHand, FormView):  # type: ignore[type-arg]
    """A file, and the last ones."""

    model = Import
    form_class = UploadForm
    template_name = "mailings/import_form.html"
    title = _("Import clients")

    def get_initial(self) -> dict[str, Any]:
        return {"key": uuid.uuid4()}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = Import.objects.owned_by(self.user)
        recent = list(rows[:_RECENT])
        return super().get_context_data(
            recent=ImportTable(recent, orderable=False) if recent else None,
            max_rows=MAX_ROWS,
            **kwargs,
        )

    def form_valid(self, form: UploadForm) -> HttpResponse:
        data = form.cleaned_data
        try:
            job = imports.upload(
                data["file"].read(),
                data["file"].name,
                by=self.user,
                list_name=data["list_name"],
                key=data["key"],
            )
        except UnreadableFile as error:
            form.add_error("file", str(error))
            return self.form_invalid(form)
        return redirect(job)


class ImportPage(Visible, DetailPage):
    """What the import is at: columns, progress, what was found, what was done."""

    model = Import
    template_name = "mailings/import_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        job: Import = self.object
        is_kept = ImportFile.objects.filter(of=job).exists()
        may_choose = is_kept and job.state in (State.COLUMNS, State.CHECKED)
        kwargs = {"columns_form": columns_form(job) if may_choose else None} | kwargs
        return super().get_context_data(
            job=job,
            refresh=_REFRESH if job.is_working else None,
            findings=findings(job),
            left=left_in_words(job),
            is_kept=is_kept,
            is_undoable=not imports.why_no_undo(job, timezone.now()),
            **kwargs,
        )


class ImportLivePart(ImportPage):
    """What htmx fetches again and again; `was` is the state that the page shows."""

    template_name = "mailings/_import_live.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().get(request, *args, **kwargs)
        if request.GET.get("was") != self.object.state:
            response["HX-Refresh"] = "true"
        return response


class ChooseColumns(Own, SingleObjectMixin, View):  # type: ignore[type-arg]
    """POST only: has the file checked by the columns that were chosen."""

    http_method_names = ["post"]
    model = Import

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        job: Import = self.get_object()
        form = columns_form(job, request.POST)
        if form.is_valid():
            columns = Columns(form.places(), has_names=form.cleaned_data["has_names"])
            _try(request, lambda: imports.choose_columns(job, columns))
        else:
            for words in form.errors.values():
                messages.error(request, " ".join(map(str, words)))
        return redirect(job)


class Start(Own, SingleObjectMixin, View):  # type: ignore[type-arg]
    """POST only: saves what was checked."""

    http_method_names = ["post"]
    model = Import

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        job: Import = self.get_object()
        _try(request, lambda: imports.start(job))
        return redirect(job)


class Discard(Own, SingleObjectMixin, View):  # type: ignore[type-arg]
    """POST only: forgets an upload of which nothing was saved."""

    http_method_names = ["post"]
    model = Import

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        job: Import = self.get_object()
        if not _try(request, lambda: imports.discard(job)):
            return redirect(job)
        messages.success(request, gettext("The file is deleted. Nothing was imported."))
        return redirect("mailings:import-create")


class UndoPage(Own, ConfirmPage):
    model = Import
    title = _("Undo the import")
    question = _("Undo this import?")
    consequence = _(
        "Clients that it made are deleted, those that it changed are as they were. "
        "Whoever was mailed, edited or put on a list since stays as they are."
    )
    button: ClassVar[Any] = _("Undo the import")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        job: Import = self.get_object()
        objection = imports.why_no_undo(job, timezone.now())
        if objection:
            messages.error(request, objection)
            return redirect(job)
        return super().get(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        _try(self.request, lambda: imports.undo(self.object))
        return redirect(self.object)


class RejectedRows(Own, SingleObjectMixin, View):  # type: ignore[type-arg]
    """
    `?export=csv`: the rows that were refused, as they are in the file, each with the
    reason. It is put on record, as every file that is taken away.
    """

    http_method_names = ["get", "head", "options"]
    model = Import

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        job: Import = self.get_object()
        if request.GET.get("export") != "csv":
            return redirect(job)
        if not job.columns["places"] or not ImportFile.objects.filter(of=job).exists():
            raise Http404
        self.exported("csv")
        return exports.answer_rows(rejected_rows(job), "rejected")


def rejected_rows(job: Import) -> Iterator[list[str]]:
    """The names of the columns first."""
    names = list(job.head["rows"][0])
    if not job.columns["has_names"]:
        ours = {place: name for name, place in job.columns["places"].items()}
        names = [ours.get(place, "") for place in range(len(names))]
    yield [*names, gettext("Row"), gettext("Reason")]
    found: list[list[str]] = []

    def reject(row: Any, reason: str) -> None:
        cells = [*row.cells, *[""] * (len(names) - len(row.cells))]
        found.append([*cells, str(row.number), reason])

    try:
        for _candidate in judged(rows_of(job), reject):
            yield from found
            found.clear()
    except UnreadableFile as error:
        found.append([str(error)])
    yield from found


def columns_form(job: Import, data: Any = None) -> ColumnsForm:
    return ColumnsForm(data, rows=job.head.get("rows", []), columns=job.columns)


def findings(job: Import) -> list[dict[str, Any]]:
    """Each verdict with its count and its first rows; of what is there."""
    words = {
        "created": gettext("New"),
        "updated": gettext("Changed"),
        "unchanged": gettext("Same"),
        "rejected": gettext("Rejected"),
    }
    return [
        {
            "name": name,
            "label": label,
            "count": getattr(job, name),
            "rows": job.found.get(name, []),
            "more": max(0, getattr(job, name) - len(job.found.get(name, []))),
        }
        for name, label in words.items()
    ]


def left_in_words(job: Import) -> list[str]:
    """How many could not be undone, and why."""
    words = {
        "gone": lambda n: ngettext(
            "%(n)d was deleted since.", "%(n)d were deleted since.", n
        ),
        "touched": lambda n: ngettext(
            "%(n)d was edited since, and stays.",
            "%(n)d were edited since, and stay.",
            n,
        ),
        "mailed": lambda n: ngettext(
            "%(n)d is in a run already, and stays.",
            "%(n)d are in a run already, and stay.",
            n,
        ),
        "used": lambda n: ngettext(
            "%(n)d is on another list or chosen for a mailing, and stays.",
            "%(n)d are on other lists or chosen for mailings, and stay.",
            n,
        ),
    }
    return [words[why](count) % {"n": count} for why, count in job.left.items()]


def _try(request: HttpRequest, verb: Any) -> bool:
    try:
        verb()
    except NotPossible as error:
        messages.error(request, str(error))
        return False
    return True
