"""The outbox: what the built-in mail catcher has taken in. Only where it is in use."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property
from django.views.generic import TemplateView
from django_tables2 import SingleTableView

from mailings import outbox
from mailings.models import Delivery
from mailings.outbox import Mail
from mailings.tables import OutboxTable
from mailings.views.access import Visible
from mailsvc.views import foreign_html


class _CatcherOnly(Visible):
    model = Delivery

    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        if not settings.MAILCATCHER_ENABLED:
            raise Http404
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response

    def seen(self, mails: list[Mail]) -> list[Mail]:
        """Those of the user's deliveries and tests; an administrator sees all."""
        if self.user.is_superuser:
            return mails
        ids = [mail.delivery_id for mail in mails if 0 < mail.delivery_id < 2**63]
        own = self.get_queryset().filter(pk__in=ids).values_list("pk", flat=True)
        visible = set(own)
        return [
            mail
            for mail in mails
            if mail.delivery_id in visible or mail.tester_id == self.user.pk
        ]


class OutboxPage(_CatcherOnly, SingleTableView):  # type: ignore[misc]
    table_class = OutboxTable
    template_name = "mailings/outbox.html"
    extra_context = {"at_most": outbox.AT_MOST}

    def get_table_data(self) -> list[Mail]:
        return self.seen(outbox.newest())


class OutboxMailPage(_CatcherOnly, TemplateView):
    template_name = "mailings/outbox_mail.html"

    @cached_property
    def mail(self) -> Mail:
        mail = outbox.named(self.kwargs["name"])
        if mail is None or not mail.path.is_file() or not self.seen([mail]):
            raise Http404
        return mail

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(mail=self.mail, **kwargs)


class OutboxHtml(OutboxMailPage):
    """The HTML version, for the frame on the page."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return foreign_html(self.mail.html)
