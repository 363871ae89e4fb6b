"""A dry run: what a run of the mailing would send now, and to whom it would not."""

from typing import Any

from django.utils import timezone

from mailings.rehearsal import rehearse
from mailings.tables import SkippedTable
from mailings.views.mailings import ChangeableMailings
from mailsvc.views import DetailPage


class MailingDryRunPage(ChangeableMailings, DetailPage):
    """Asks for the right to change: it is the owner's recipients that it names."""

    template_name = "mailings/dry_run.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = rehearse(self.object, timezone.now())
        return super().get_context_data(
            found=found,
            skipped=SkippedTable(found.skipped, orderable=False),
            **kwargs,
        )
