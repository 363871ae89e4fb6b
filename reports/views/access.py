"""Pages for those who have a permission; who has it not is refused (403)."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView
from django.views.generic.detail import SingleObjectMixin

from mailings.lifecycle import NotPossible
from mailsvc.views import Words
from reports.forms import ReasonForm
from users.blocking import NotAllowed
from users.exporting import OnRecord
from users.models import User

Refusals = (NotPossible, NotAllowed)


class Permitted(OnRecord, PermissionRequiredMixin):
    """Set `permission_required`. Anonymous visitors don't get as far as here."""

    request: HttpRequest
    kwargs: dict[str, Any]

    @property
    def user(self) -> User:
        return cast("User", self.request.user)


class ReasonPage(Permitted, SingleObjectMixin, FormView):  # type: ignore[type-arg]
    """A question that wants a reason; `act` does it."""

    form_class = ReasonForm
    template_name = "reports/reason_page.html"
    title: Words
    question: Words
    button: Words
    success_message: Words
    reason_help: Words = _("The owner sees it. It stays on the audit log.")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"help_text": self.reason_help}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.object = self.get_object()
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.object = self.get_object()
        return super().post(request, *args, **kwargs)

    def act(self, reason: str) -> None:
        raise NotImplementedError

    def get_cancel_url(self) -> str:
        raise NotImplementedError

    def get_success_url(self) -> str:
        return self.get_cancel_url()

    def form_valid(self, form: ReasonForm) -> HttpResponse:
        try:
            self.act(form.cleaned_data["reason"])
        except Refusals as refusal:
            form.add_error(None, str(refusal))
            return self.form_invalid(form)
        messages.success(self.request, str(self.success_message))
        return redirect(self.get_success_url())
