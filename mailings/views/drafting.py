"""What is typed into the form of a message is kept, until it is saved or discarded."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views import View

from mailings.forms.draft import DraftForm
from mailings.models import Draft, Message
from mailings.views.access import Changeable


class NewDraft(Changeable, View):
    """POST only: the fields as they are; or `discard`, and back to the form."""

    model = Message
    http_method_names = ["post"]
    form_url = "mailings:message-create"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        message = self.message()
        if "discard" in request.POST:
            Draft.objects.of(self.user, message).delete()
            return redirect(reverse(self.form_url, kwargs=kwargs))
        form = DraftForm(request.POST)
        if not form.is_valid():  # longer than a message may be
            return JsonResponse({"errors": form.errors}, status=400)
        draft = Draft.objects.keep(self.user, message, form.cleaned_data)
        saved_at = timezone.localtime(draft.saved_at) if draft else None
        return JsonResponse(
            {"saved_at": date_format(saved_at, "H:i") if saved_at else None}
        )

    def message(self) -> Message | None:
        return None


class MessageDraft(NewDraft):
    form_url = "mailings:message-update"

    def message(self) -> Message | None:
        found: Message = self.get_object()
        return found
