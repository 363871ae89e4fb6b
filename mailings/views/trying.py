"""A message as a test, to a few addresses."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.generic import FormView
from django.views.generic.detail import SingleObjectMixin

from mailings import trying
from mailings.forms.trying import TrialForm
from mailings.models import Message
from mailings.trying import Tried
from mailings.views.access import Changeable
from mailings.views.previewing import Recipient


class MessageTestPage(Changeable, SingleObjectMixin, FormView):  # type: ignore[type-arg]
    """`?client=` is whom it is filled in for. Who only reads a message, sends none."""

    model = Message
    form_class = TrialForm
    template_name = "mailings/message_test.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.object = self.get_object()
        self.recipient = Recipient(self.user, request.GET)
        return super().dispatch(request, *args, **kwargs)

    def get_initial(self) -> dict[str, Any]:
        return {"to": self.user.email}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        name = self.recipient.full_name
        held = self.object.mailings.existing().exclude(held_at=None)
        return super().get_context_data(full_name=name, is_held=held.exists(), **kwargs)

    def form_valid(self, form: TrialForm) -> HttpResponse:
        try:
            found = trying.send_test(
                self.object,
                to=form.cleaned_data["to"],
                full_name=self.recipient.full_name,
                by=self.user,
                now=timezone.now(),
            )
        except trying.NotPossible as error:
            form.add_error(None, str(error))
            return self.form_invalid(form)
        for each in found:
            self.tell(each)
        return redirect(self.request.get_full_path())

    def tell(self, tried: Tried) -> None:
        level = messages.SUCCESS if tried.is_accepted else messages.WARNING
        parts = (f"{tried.email}:", tried.words, tried.reply)
        messages.add_message(self.request, level, " ".join(filter(None, parts)))
