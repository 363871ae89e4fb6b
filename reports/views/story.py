"""The story of a recipient, found by client or by address."""

from typing import Any, cast

from django.db.models.functions import Lower
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.generic import TemplateView

from mailings.delivery.server import configured_server
from mailings.models import Client, Delivery, Suppression
from reports import story
from users.models import User

PER_PAGE = 20


class StoryPage(TemplateView):
    """`?email=`: everything that was to go to this address, as far as one may see."""

    template_name = "reports/story.html"

    @property
    def user(self) -> User:
        return cast("User", self.request.user)

    def recipient(self) -> tuple[str, Client | None]:
        email = self.request.GET.get("email", "").replace("\0", "").strip()[:254]
        clients = Client.objects.visible_to(self.user).annotate(address=Lower("email"))
        return email, clients.filter(address=email.lower()).first()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        email, client = self.recipient()
        number = self._page_number()
        first = (number - 1) * PER_PAGE
        # One more tells whether there are older ones; nobody has to count them.
        page = slice(first, first + PER_PAGE + 1)
        found = story.deliveries_to(email, self.user, page)
        deliveries = list(found) if email else []
        suppressions = story.suppressions_of(email, self.user)
        return super().get_context_data(
            email=email,
            client=client,
            newer=number - 1,
            older=number + 1 if len(deliveries) > PER_PAGE else None,
            suppressions=suppressions,
            chapters=self._chapters(deliveries[:PER_PAGE], suppressions),
            **kwargs,
        )

    def _page_number(self) -> int:
        asked = self.request.GET.get("page", "")
        is_number = asked.isascii() and asked.isdigit() and len(asked) < 7
        return max(1, int(asked)) if is_number else 1

    def _chapters(
        self, deliveries: list[Delivery], suppressions: list[Suppression]
    ) -> list[story.Chapter]:
        return story.chapters(
            deliveries,
            server=str(configured_server()),
            now=timezone.now(),
            suppressions={each.owner_id: each for each in suppressions},
        )


class ClientStory(StoryPage):
    """By the key of a client whom one may see."""

    def recipient(self) -> tuple[str, Client | None]:
        clients = Client.objects.visible_to(self.user)
        client = get_object_or_404(clients, pk=self.kwargs["pk"])
        return client.email, client
