"""How allauth behaves here."""

from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from users import mails
from users.models import User

_RESET = "account/email/password_reset_key"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGNUP_OPEN)

    def save_user(
        self,
        request: HttpRequest,
        user: User,
        form: Any,
        commit: bool = True,  # noqa: FBT001, FBT002 - allauth's signature
    ) -> User:
        """Theirs are the language that they sign up in and their browser's zone."""
        language = get_language()
        if language in dict(settings.LANGUAGES):
            user.language = language
        zone = request.POST.get("timezone", "")
        if zone in _zones():
            user.timezone = ZoneInfo(zone)
        made: User = super().save_user(request, user, form, commit=commit)
        return made

    def send_mail(self, template_prefix: str, email: str, context: Any) -> None:
        """
        Through the queue. Name and links are SITE_URL's: who asks could otherwise put
        a host of theirs into somebody else's mail.
        """
        values = {name: _on_our_site(name, value) for name, value in context.items()}
        site = SimpleNamespace(name="mailsvc", domain=settings.SITE_URL)
        values |= {"email": email, "current_site": site, "request": self.request}
        lifetime = mails.LIFETIME
        if template_prefix == _RESET:
            lifetime = timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
        mails.post(self.render_mail(template_prefix, email, values), lifetime)

    def send_account_already_exists_mail(self, email: str) -> None:
        """As slow as a sign-up with a new address, which hashes its password."""
        make_password(email)
        super().send_account_already_exists_mail(email)

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """Who knows the password reads who blocked the account, when and why."""
        if user.is_blocked:
            messages.error(request, self._words_of_block(user))
        answer: HttpResponse = super().respond_user_inactive(request, user)
        return answer

    def _words_of_block(self, user: User) -> str:
        with timezone.override(user.timezone):
            moment = date_format(
                timezone.localtime(user.blocked_at), "SHORT_DATETIME_FORMAT"
            )
        who = str(user.blocked_by) if user.blocked_by else "—"
        return _("Blocked %(moment)s by %(who)s: %(reason)s") % {
            "moment": moment,
            "who": who,
            "reason": user.block_reason,
        }

    def _get_login_attempts_cache_key(
        self, request: HttpRequest, **credentials: Any
    ) -> str:
        """Failures of one visitor lock nobody else out of the account."""
        login = credentials.get("email", credentials.get("username", "")).lower()
        return f"{self.get_client_ip(request)}:{login}"


@cache
def _zones() -> frozenset[str]:
    """Those that the profile offers."""
    field: Any = User._meta.get_field("timezone")
    return frozenset(str(zone) for zone, _words in field.choices)


def _on_our_site(name: str, value: Any) -> Any:
    if not name.endswith("_url") or not isinstance(value, str):
        return value
    parts = urlsplit(value)
    return f"{settings.SITE_URL}{parts._replace(scheme='', netloc='').geturl()}"
