"""The mailings of all users; to hold one and to release it."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mailings import lifecycle
from mailings.models import Mailing
from mailsvc.views import TablePage
from reports import ledger
from reports.filters import AllMailingsFilter
from reports.tables import AllMailingsTable
from reports.views.access import Permitted, ReasonPage


class AllMailingsPage(Permitted, TablePage):
    permission_required = "mailings.view_all_mailings"
    template_name = "reports/table_page.html"
    table_class = AllMailingsTable
    filterset_class = AllMailingsFilter
    title = _("Mailings of all users")
    lead = _("With the figures of all their runs.")

    def get_queryset(self) -> "QuerySet[Any]":
        mailings = Mailing.objects.visible_to(self.user)
        if self.request.GET.get("deleted") not in AllMailingsFilter.WITH_DELETED:
            mailings = mailings.existing()
        return ledger.with_totals(mailings.select_related("owner"))

    def get_table(self, **kwargs: Any) -> Any:
        table = super().get_table(**kwargs)
        shown = None if self.is_export else table.page.object_list.data
        table.count_unsubscribed(shown)
        return table


class _HoldingPage:
    permission_required = "mailings.hold_mailing"
    user: Any
    object: Any

    def get_queryset(self) -> "QuerySet[Any]":
        return Mailing.objects.visible_to(self.user).existing().select_related("owner")

    def get_object(self, queryset: Any = None) -> Mailing:
        mailing: Mailing = super().get_object(queryset)  # type: ignore[misc]
        if not mailing.may_be_held_by(self.user):
            raise PermissionDenied
        return mailing

    def get_cancel_url(self) -> str:
        if self.user.has_perm(AllMailingsPage.permission_required):
            return reverse("reports:manage-mailings")
        return str(self.object.get_absolute_url())


class HoldPage(_HoldingPage, ReasonPage):
    title = _("Hold mailing")
    question = _("Hold this mailing?")
    consequence = _(
        "Nothing of it is sent from the next message on. What waits goes on waiting "
        "until it is released or its time is over. Its owner sees your reason and name."
    )
    button = _("Hold")
    success_message = _("The mailing is held.")

    def act(self, reason: str) -> None:
        lifecycle.hold(self.object, by=self.user, reason=reason)


class ReleasePage(_HoldingPage, ReasonPage):
    title = _("Release mailing")
    question = _("Release this mailing?")
    consequence = _("What is still inside its time goes on.")
    button = _("Release")
    success_message = _("The mailing is released.")

    def act(self, reason: str) -> None:
        lifecycle.release(self.object, by=self.user, reason=reason)
