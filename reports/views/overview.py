"""All mailings that one may see, with their figures, and the totals on top."""

from typing import Any, cast

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailings.models import Mailing, Verification
from mailsvc import cache
from mailsvc.views import TablePage
from reports import overview
from reports.filters import AllOverviewFilter, OverviewFilter
from reports.tables import OverviewTable
from users.exporting import OnRecord
from users.models import User
from users.permissions import shared_with

# What a row is made of: badges and the next run need the most.
_SHOWN = (
    *("title", "status", "periodicity", "start_at", "end_at", "timezone"),
    *("paused_at", "held_at", "deleted_at", "created_at"),
    *("owner__email", "owner__full_name", "owner__is_active", "owner__deleted_at"),
)


class OverviewPage(OnRecord, TablePage):
    template_name = "reports/overview.html"
    table_class = OverviewTable
    title = _("Reports")
    lead = _("What became of each mailing; a row opens its report.")

    @property
    def user(self) -> User:
        return cast("User", self.request.user)

    @property
    def sees_all(self) -> bool:
        return self.user.has_perm("mailings.view_all_mailings")

    def get_filterset_class(self) -> type[OverviewFilter]:
        return AllOverviewFilter if self.sees_all else OverviewFilter

    def get_queryset(self) -> "QuerySet[Mailing]":
        return Mailing.objects.visible_to(self.user).existing()

    def get_table_data(self) -> "QuerySet[Any]":
        period = self.filterset.period
        if self.is_export:
            rows = overview.with_figures(self.object_list, period)
        else:
            names = self.request.GET.getlist("sort")
            rows = overview.sortable(self.object_list, period, names)
        shown = rows.select_related("owner").only(*_SHOWN)
        return shown.order_by("-created_at", "-pk")

    def get_table(self, **kwargs: Any) -> Any:
        table = super().get_table(**kwargs)
        if not self.is_export:
            shown = table.page.object_list.data
            overview.fill_in(shown, self.filterset.period)
        return table

    def get_table_kwargs(self) -> dict[str, Any]:
        return {
            "now": timezone.now(),
            "exclude": () if self.sees_all else ("owner",),
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        checked = Verification.objects.first() if self.sees_all else None
        return super().get_context_data(totals=self.totals(), checked=checked, **kwargs)  # type: ignore[no-any-return]

    def totals(self) -> cache.Cached[dict[str, Any]]:
        """Part of the question is what one may see: it is asked for each time."""
        mailings, period = self.object_list, self.filterset.period
        may_see = "all" if self.sees_all else shared_with(self.user, Mailing)
        return cache.remember(
            "overview",
            lambda: overview.totals(mailings, period),
            reader=self.user.pk,
            owner=cache.EVERYBODY if self.sees_all else self.user.pk,
            question=(may_see, str(self.user.timezone), self.filterset.question),
            refresh="refresh" in self.request.GET,
        )
