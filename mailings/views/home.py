"""The first page: the first steps, or what goes on now."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone
from django.views.generic import TemplateView

from mailings.condition import condition
from mailings.models import Client, Mailing, Message, Run
from mailings.outlook import next_start
from mailings.pace import Progress, progress
from mailings.views.access import AtHand
from users.models import User

SHOWN = 5
_LOOKED_AT = 200  # live mailings among which the next ones are found
_SOON = timedelta(minutes=10)  # until a start that the page waits for


class HomePage(AtHand, TemplateView):
    template_name = "home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        is_over = Q(status=Mailing.Status.FINISHED)
        counts = {
            "clients": Client.objects.at_hand(self.user).count(),
            "messages": Message.objects.at_hand(self.user).count(),
            **Mailing.objects.at_hand(self.user)
            .existing()
            .aggregate(mailings=Count("pk"), unfinished=Count("pk", filter=~is_over)),
        }
        return super().get_context_data(
            counts=counts,
            is_new=not all(
                counts[name] for name in ("clients", "messages", "mailings")
            ),
            management=self.management(),
            **self.news(),
            **kwargs,
        )

    def management(self) -> dict[str, int]:
        """What managers come for; each figure leads to its rows. Two queries."""
        found: dict[str, int] = {}
        if self.user.has_perm("mailings.view_all_mailings"):
            is_running = Q(status=Mailing.Status.RUNNING)
            found |= Mailing.objects.existing().aggregate(
                running=Count("pk", filter=is_running),
                held=Count("pk", filter=Q(held_at__isnull=False)),
            )
        if found and self.user.has_perm("users.view_all_users"):
            blocked = User.objects.existing().filter(blocked_at__isnull=False)
            found["blocked"] = blocked.count()
        return found

    def news(self) -> dict[str, Any]:
        """The runs under way, the last ones, and what comes next."""
        now = timezone.now()
        runs = Run.objects.at_hand(self.user).select_related("mailing")
        live = Mailing.objects.at_hand(self.user).live().with_last_occurrence()
        coming = [
            (following, mailing)
            for mailing in live.select_related("owner").order_by("end_at")[:_LOOKED_AT]
            if (following := next_start(mailing, now, last=mailing.last_occurrence))
        ]
        coming.sort(key=lambda pair: (pair[0], pair[1].pk))
        found = condition(now)
        open_runs = progress(runs.unfinished()[:SHOWN], found)
        return {
            "condition": found,
            "open_runs": open_runs,
            "refresh": _refresh(open_runs, [moment - now for moment, _ in coming]),
            "last_runs": runs.filter(finished_at__isnull=False)[:SHOWN],
            "coming": coming[:SHOWN],
        }


def _refresh(open_runs: Collection[Progress], ahead: Collection[timedelta]) -> int:
    """Seconds until the page looks again by itself; 0: nothing will have happened."""
    if open_runs:
        return 3 if any(each.is_moving for each in open_runs) else 30
    return 30 if any(each < _SOON for each in ahead) else 0
