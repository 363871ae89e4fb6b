"""The files that go along with a message: put to it, taken off, given out."""

from typing import Any, cast

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View
from django.views.generic.detail import SingleObjectMixin

from mailings import attaching
from mailings.models import Attachment, Message, Run
from mailings.views.access import Changeable, Visible


class Attach(Changeable, SingleObjectMixin, View):  # type: ignore[type-arg]
    http_method_names = ["post"]
    model = Message

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = cast("Message", self.get_object())
        files: Any = request.FILES.getlist("files")
        if not files:
            messages.error(request, _("Choose a file first."))
            return redirect(message)
        try:
            attaching.attach(message, files)
        except attaching.NotAttached as error:
            messages.error(request, str(error))
        else:
            words = ngettext(
                "%(count)d file is attached.",
                "%(count)d files are attached.",
                len(files),
            )
            messages.success(request, words % {"count": len(files)})
        return redirect(message)


class Detach(Changeable, SingleObjectMixin, View):  # type: ignore[type-arg]
    http_method_names = ["post"]
    model = Message

    def post(self, request: HttpRequest, pk: int, attachment: int) -> HttpResponse:
        message = cast("Message", self.get_object())
        files: Any = message.attachments.described()
        attaching.detach(get_object_or_404(files, pk=attachment))
        words = _("The file is taken off. Runs that have begun keep it.")
        messages.success(request, words)
        return redirect(message)


class MessageAttachment(Visible, SingleObjectMixin, View):  # type: ignore[type-arg]
    """Whoever sees the message may have its files."""

    model: Any = Message

    def get(self, request: HttpRequest, pk: int, attachment: int) -> HttpResponse:
        files: QuerySet[Attachment] = self.get_object().attachments
        return given_out(get_object_or_404(files, pk=attachment))


class RunAttachment(MessageAttachment):
    """As it was sent, whatever has become of the message."""

    model = Run


def given_out(file: Attachment) -> HttpResponse:
    """To be saved and never shown: somebody else may have made it."""
    response = HttpResponse(file.content, content_type="application/octet-stream")
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Content-Disposition"] = content_disposition_header(
        as_attachment=True, filename=file.name
    )
    return response
