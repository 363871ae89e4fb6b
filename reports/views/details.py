"""The attempts of a run or of a mailing, and the recipients of a mailing."""

from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property

from mailings.filters import DeliveryFilter
from mailings.models import Attempt, Delivery, Mailing, Run
from mailsvc.views import TablePage
from reports.details import (
    AttemptLogTable,
    MailingAttemptTable,
    RecipientTable,
    attempts_at_hand,
    in_order,
    recipients_at_hand,
)
from reports.filters import AttemptFilter
from users.exporting import OnRecord
from users.models import User


class _Details(OnRecord, TablePage):
    """A page has as many rows as can be found at once; a file has all of them."""

    request: HttpRequest
    kwargs: dict[str, Any]
    is_all = True

    @property
    def user(self) -> User:
        return cast("User", self.request.user)

    @property
    def is_file(self) -> bool:
        return "export" in self.request.GET

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | self.subject() | {"is_all": self.is_all}

    def subject(self) -> dict[str, Any]:
        """Whose rows these are, for the template."""
        raise NotImplementedError


class _OfMailing(_Details):
    @cached_property
    def mailing(self) -> Mailing:
        mailings = Mailing.objects.reported_to(self.user)
        return get_object_or_404(mailings, pk=self.kwargs["pk"])

    @property
    def runs(self) -> "QuerySet[Run]":
        return Run.objects.filter(mailing=self.mailing)

    def subject(self) -> dict[str, Any]:
        return {"mailing": self.mailing}


class _OfRun(_Details):
    @cached_property
    def run(self) -> Run:
        runs = Run.objects.visible_to(self.user).select_related("mailing")
        return get_object_or_404(runs, pk=self.kwargs["pk"])

    @property
    def runs(self) -> "QuerySet[Run]":
        return Run.objects.filter(pk=self.run.pk)

    def subject(self) -> dict[str, Any]:
        return {"mailing": self.run.mailing, "run": self.run}


class _Attempts(_Details):
    model = Attempt
    filterset_class = AttemptFilter
    template_name = "reports/attempts.html"
    runs: Any

    def get_table_data(self) -> "QuerySet[Attempt]":
        rows = in_order(self.object_list)
        if self.is_file:
            return rows
        rows, self.is_all = attempts_at_hand(rows, self.runs, self.filterset.question)
        return rows


# The columns of the tables and files: a delivery and a run have dozens.
_SHOWN = (
    *("started_at", "outcome", "phase", "code", "enhanced_code", "reply", "number"),
    *("duration_ms", "run_id", "delivery__email", "delivery__full_name"),
)


class RunAttempts(_OfRun, _Attempts):
    table_class = AttemptLogTable

    def get_queryset(self) -> "QuerySet[Attempt]":
        rows = Attempt.objects.filter(run=self.run)
        return rows.select_related("delivery").only(*_SHOWN)

    def export_version(self) -> object | None:
        version: object | None = self.run.version()
        return version


class MailingAttempts(_OfMailing, _Attempts):
    table_class = MailingAttemptTable

    def get_queryset(self) -> "QuerySet[Attempt]":
        rows = Attempt.objects.filter(run__mailing=self.mailing)
        shown = (*_SHOWN, "run__scheduled_for")
        return rows.select_related("delivery", "run").only(*shown)


class MailingRecipients(_OfMailing):
    model = Delivery
    table_class = RecipientTable
    filterset_class = DeliveryFilter
    template_name = "reports/recipients.html"

    def get_queryset(self) -> "QuerySet[Delivery]":
        rows = Delivery.objects.filter(run__mailing=self.mailing)
        return rows.select_related("run").with_last_reply().order_by("-pk")

    def get_table_data(self) -> "QuerySet[Delivery]":
        rows: QuerySet[Delivery] = self.object_list
        if self.is_file:
            return rows
        form = self.filterset.form
        state = form.cleaned_data["state"] if form.is_valid() else ""
        rows, self.is_all = recipients_at_hand(rows, self.runs, state)
        return rows
