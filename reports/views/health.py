"""
For machines that watch: does the process live, is all ready, and figures.

Everybody gets a bare word. The details go to this machine, to who has METRICS_TOKEN,
and, where it is a person who asks, to the staff.
"""

from ipaddress import ip_address
from secrets import compare_digest
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from reports import metrics as figures


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process lives. It asks nobody, not even the database."""
    return _word("ok")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """503 unless all that sending needs of us is there."""
    now = timezone.now()
    facts = figures.readiness(now)
    is_ready = all(fact.is_well for fact in facts.values())
    status = 200 if is_ready else 503
    if not (_is_trusted(request) or _is_staff(request)):
        return _answered(_word("ready" if is_ready else "not ready", status))
    details: dict[str, Any] = {
        name: {"ok": fact.is_well, "is": fact.words} for name, fact in facts.items()
    }
    told = {"ready": is_ready, "checks": details, **figures.remarks(now)}
    return _answered(JsonResponse(told, status=status))


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not _is_trusted(request):
        return _word("forbidden", 403)
    return HttpResponse(figures.text(), content_type=figures.CONTENT_TYPE)


def _word(word: str, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{word}\n", content_type="text/plain", status=status)


def _answered(response: HttpResponse) -> HttpResponse:
    """Django would put each 503 on the log as an error of ours; it is an answer."""
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _is_trusted(request: HttpRequest) -> bool:
    """From this machine, where no proxy says otherwise, or with the token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme.lower() == "bearer":
        return compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    context: Any = getattr(request, "context", None)
    try:
        return ip_address(context.address).is_loopback
    except ValueError:
        return False


def _is_staff(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(user.is_authenticated and user.is_staff)
