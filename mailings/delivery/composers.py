"""The composers of the runs that a pump sends, each made when it is first needed."""

from collections.abc import Collection, KeysView

from django.conf import settings
from django.db.models import Prefetch

from mailings.delivery.claim import Claim
from mailings.delivery.compose import Composer, Text
from mailings.delivery.enclosures import Enclosures
from mailings.delivery.letter import Letter
from mailings.models import Attachment, Run


class Composers:
    def __init__(self) -> None:
        self._of_runs: dict[int, Composer] = {}
        self._owners: dict[int, int] = {}
        self._enclosures = Enclosures()

    @property
    def runs(self) -> KeysView[int]:
        return self._of_runs.keys()

    def prepare(self, run_ids: Collection[int]) -> None:
        """For `letter` and `owner_of`."""
        files = Prefetch("attachments", Attachment.objects.described())
        runs = Run.objects.filter(pk__in=set(run_ids) - self._of_runs.keys())
        for run in runs.select_related("mailing__owner").prefetch_related(files):
            self._owners[run.pk] = run.mailing.owner_id
            self._of_runs[run.pk] = Composer(
                Text.of(run),
                sender=settings.DEFAULT_FROM_EMAIL,
                enclosed=self._enclosures.pieces(
                    each.pk for each in run.attachments.all()
                ),
            )

    def letter(self, claim: Claim) -> Letter:
        """Raises NotComposed. It is whole until `close`."""
        composer = self._of_runs[claim.run_id]
        return composer.letter(
            claim.delivery_id, email=claim.email, full_name=claim.full_name
        )

    def owner_of(self, run_id: int) -> int:
        return self._owners[run_id]

    def close(self) -> None:
        self._enclosures.close()
