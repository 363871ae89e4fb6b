"""The user's own settings."""

from typing import Any

from allauth.account.views import SignupView
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.views.i18n import set_language

from mailsvc.views import UpdatePage
from users import audit, history
from users.forms import ProfileForm
from users.models import AuditEntry, User


@login_not_required
def switch_language(request: HttpRequest) -> HttpResponse:
    """Django's switch; who is signed in keeps the language on every device."""
    chosen = request.POST.get("language")
    if request.user.is_authenticated and chosen in dict(settings.LANGUAGES):
        _keep_language(request.user, chosen)
    return set_language(request)


@transaction.atomic
def _keep_language(user: User, chosen: str) -> None:
    """In the user's history, but not on the audit log: it is a switch."""
    if user.language == chosen:
        return
    user.language = chosen
    user.save(update_fields=["language"])
    history.put_down(user, by=user, action=AuditEntry.Action.USER_CHANGED)


class SignUpPage(SignupView):  # type: ignore[misc]
    """allauth's; there is no account without the mail that confirms its address."""

    @transaction.atomic
    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        answer: HttpResponse = super().post(*args, **kwargs)
        return answer


class ProfilePage(UpdatePage):
    form_class = ProfileForm
    template_name = "users/profile.html"
    success_url = reverse_lazy("users:profile")
    success_message = _("Your settings are saved.")

    def get_object(self, queryset: Any = None) -> Any:
        return self.request.user

    def saved(self) -> None:
        """The answer is already in the new language."""
        audit.record(AuditEntry.Action.USER_CHANGED, by=self.object, on=self.object)
        if self.object.language:
            translation.activate(self.object.language)
