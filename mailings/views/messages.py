"""Messages: list, detail with preview, create, edit, delete."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from mailings import placeholders, removing
from mailings.filters import MessageFilter
from mailings.forms.message import MessageForm
from mailings.forms.rich_text import editor_words
from mailings.models import Draft, Mailing, Message
from mailings.tables import MessageTable
from mailings.views.access import AtHand, ByOwner, Changeable, Own, Visible
from mailings.views.previewing import shown
from mailsvc.numbers import grouped
from mailsvc.views import (
    ConfirmPage,
    CreatePage,
    DetailPage,
    TablePage,
    UpdatePage,
    foreign_html,
)
from users.models import User

_SUBJECT_SHOWN = 60  # characters of a subject, in a list of mails
_MAILINGS_SHOWN = 5  # of those that use a message, in a warning
_MAILINGS_LISTED = 50  # and on its own page


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
        visible = Mailing.objects.visible_to(self.user)
        using = list(visible.filter(message=self.object)[: _MAILINGS_LISTED + 1])
        preview = shown(self.object, self.user, self.request.GET)
        return super().get_context_data(
            mailings=using[:_MAILINGS_LISTED],
            are_all_listed=len(using) <= _MAILINGS_LISTED,
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
    """What the form shows beside its fields; a draft, if there is one, in them."""

    request: HttpRequest
    kwargs: dict[str, Any]
    user: User
    object: Message | None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        names = placeholders.NAMES.items()
        context: dict[str, Any] = super().get_context_data(  # type: ignore[misc]
            placeholders=[(f"{{{{ {name} }}}}", words) for name, words in names],
            editor_words=editor_words(),
            subject_shown=_SUBJECT_SHOWN,
            **kwargs,
        )
        return context | self._drafted()

    def _drafted(self) -> dict[str, Any]:
        """The draft, unless the form answers what was sent."""
        message = self.object
        name, args = "mailings:message-new-draft", []
        if message is not None:
            name, args = "mailings:message-draft", [message.pk]
        draft = None if self.request.method == "POST" else self.draft
        return {
            "draft": draft,
            "draft_url": reverse(name, args=args),
            "draft_is_overtaken": bool(
                draft and message and message.updated_at > draft.saved_at
            ),
        }

    def get_initial(self) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_initial()  # type: ignore[misc]
        return initial | (self.draft.values() if self.draft else {})

    @cached_property
    def draft(self) -> Draft | None:
        return Draft.objects.of(self.user, self.object).first()

    def saved(self) -> None:
        # By the address: the message of a new one has a key by now.
        message = self.object if "pk" in self.kwargs else None
        Draft.objects.of(self.user, message).delete()


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

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        visible = Mailing.objects.visible_to(self.user).unfinished()
        using = visible.filter(message=self.object)
        return super().get_context_data(
            used_by=using[:_MAILINGS_SHOWN], use_count=using.count(), **kwargs
        )


class MessageDeletePage(Own, ConfirmPage):
    model = Message
    success_url = reverse_lazy("mailings:message-list")
    title = _("Delete message")
    question = _("Delete this message?")
    success_message = _("The message is deleted.")

    @property
    def consequence(self) -> str:  # type: ignore[override]
        """Where it is in use, before it is refused."""
        count = Mailing.objects.filter(message=self.object).existing().count()
        return self._refusal(count) if count else ""

    def confirmed(self) -> None:
        removing.delete_message(self.object, by=self.user)

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            return super().form_valid(form)
        except ProtectedError as error:
            messages.error(self.request, self._refusal(len(error.protected_objects)))
            return redirect(self.object)

    @staticmethod
    def _refusal(count: int) -> str:
        words = ngettext(
            "%(count)s mailing uses this message. Delete the mailing first, or "
            "give it another message.",
            "%(count)s mailings use this message. Delete them first, or give "
            "them another message.",
            count,
        )
        return words % {"count": grouped(count)}
