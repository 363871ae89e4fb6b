"""What happens to accounts, for the audit log: Django and allauth tell by signals."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.signals import email_changed, password_changed, password_reset
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.http import HttpRequest

from mailsvc.validators import one_line
from users import audit, permissions
from users.models import AuditEntry, User

_Action = AuditEntry.Action
_LONGEST_ADDRESS = 254


def listen() -> None:
    """Called once, when the app is ready."""
    for signal, receiver in (
        (user_logged_in, _signed_in),
        (user_login_failed, _failed),
        (password_changed, _password_changed),
        (password_reset, _password_changed),
        (email_changed, _email_changed),
        (authenticator_added, _second_factor_added),
        (authenticator_reset, _second_factor_added),
        (authenticator_removed, _second_factor_removed),
        (authentication_failed, _second_factor_failed),
    ):
        signal.connect(receiver, dispatch_uid=f"users.{receiver.__name__}")


def _signed_in(sender: Any, request: Any, user: User, **kwargs: Any) -> None:
    _record(_Action.SIGNED_IN, user, request)
    permissions.accept_invitations(user)  # their address is confirmed


def _failed(
    sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any
) -> None:
    """The address that was tried; the password never."""
    tried = str(credentials.get("email") or credentials.get("username") or "")
    audit.record(
        _Action.SIGN_IN_FAILED,
        by=None,
        reason=one_line(tried)[:_LONGEST_ADDRESS],
        ip_address=address_of(request),
    )


def _password_changed(sender: Any, request: Any, user: User, **kwargs: Any) -> None:
    _record(_Action.PASSWORD_CHANGED, user, request)


def _email_changed(
    sender: Any,
    request: Any,
    user: User,
    from_email_address: Any,
    to_email_address: Any,
    **kwargs: Any,
) -> None:
    if from_email_address is None:
        return  # the first one is confirmed: that is no change
    _record(_Action.EMAIL_CHANGED, user, request, reason=to_email_address.email)


def _second_factor_added(
    sender: Any, request: Any, user: User, authenticator: Any, **kwargs: Any
) -> None:
    _record(_Action.SECOND_FACTOR_ON, user, request, reason=str(authenticator))


def _second_factor_failed(
    sender: Any, request: Any, user: User, authenticator: Any, **kwargs: Any
) -> None:
    audit.record(
        _Action.SIGN_IN_FAILED,
        by=None,
        reason=f"{user.email}, {authenticator.type}",
        ip_address=address_of(request),
    )


def _second_factor_removed(
    sender: Any, request: Any, user: User, authenticator: Any, **kwargs: Any
) -> None:
    _record(_Action.SECOND_FACTOR_OFF, user, request, reason=str(authenticator))


def _record(
    action: AuditEntry.Action, user: User, request: Any, reason: str = ""
) -> None:
    audit.record(
        action, by=user, on=user, reason=reason, ip_address=address_of(request)
    )


def address_of(request: Any) -> str | None:
    if not isinstance(request, HttpRequest) or "REMOTE_ADDR" not in request.META:
        return None
    address: str = get_adapter(request).get_client_ip(request)
    return address
