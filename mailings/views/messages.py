"""Messages: list, detail with preview, create, edit, delete."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import ProtectedError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from mailings import placeholders, removing
from mailings.filters import MessageFilter
from mailings.forms.message import MessageForm
from mailings.forms.rich_text import editor_words
from mailings.models import Mailing, Message
from mailings.tables import MessageTable
from mailings.views.access import AtHand, ByOwner, Changeable, Own, Visible
from mailings.views.previewing import shown
from mailsvc.views import (
    ConfirmPage,
    CreatePage,
    DetailPage,
    TablePage,
    UpdatePage,
    foreign_html,
)


class MessageListPage(AtHand, TablePage):
    model = Message
    table_class = MessageTable
    filterset_class = MessageFilter
    title = _("Messages")
    lead = _("What your mailings say.")
    create_url = "mailings:message-create"
    create_label = _("New message")


class MessageDetailPage(Visible, DetailPage):
    model = Message
    template_name = "mailings/message_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        using = Mailing.objects.visible_to(self.user).filter(message=self.object)
        preview = shown(self.object, self.user, self.request.GET)
        return super().get_context_data(
            mailings=using,
            preview=preview,
            attachments=self.object.attachments.described(),
            limits=settings.ATTACHMENTS,
            **kwargs,
        )


class MessageHtml(Visible, DetailPage):
    """The HTML version as the recipient reads it, for the frame on the page."""

    model = Message

    def render_to_response(self, context: Any, **kwargs: Any) -> HttpResponse:
        read = shown(self.object, self.user, self.request.GET).read
        return foreign_html(read.html if read else "")


class _Writing:
    """What the form shows beside its fields."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        names = placeholders.NAMES.items()
        context: dict[str, Any] = super().get_context_data(  # type: ignore[misc]
            placeholders=[(f"{{{{ {name} }}}}", words) for name, words in names],
            editor_words=editor_words(),
            **kwargs,
        )
        return context


class MessageCreatePage(_Writing, Visible, ByOwner, CreatePage):
    model = Message
    form_class = MessageForm
    template_name = "mailings/message_form.html"
    success_message = _("The message is saved.")


class MessageUpdatePage(_Writing, Changeable, ByOwner, UpdatePage):
    model = Message
    form_class = MessageForm
    template_name = "mailings/message_form.html"
    success_message = _("The message is saved. Runs that have begun keep the old text.")


class MessageDeletePage(Own, ConfirmPage):
    model = Message
    success_url = reverse_lazy("mailings:message-list")
    title = _("Delete message")
    question = _("Delete this message?")
    success_message = _("The message is deleted.")

    def confirmed(self) -> None:
        removing.delete_message(self.object, by=self.user)

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            return super().form_valid(form)
        except ProtectedError as error:
            count = len(error.protected_objects)
            refusal = ngettext(
                "%(count)d mailing uses this message. Delete the mailing first, or "
                "give it another message.",
                "%(count)d mailings use this message. Delete them first, or give "
                "them another message.",
                count,
            )
            messages.error(self.request, refusal % {"count": count})
            return redirect(self.object)
