"""What every request gets: an id, a limit, headers, the user's zone and language."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.cache import add_never_cache_headers

from mailsvc import logs
from mailsvc.stack import with_room
from mailsvc.validators import one_line

GetResponse = Callable[[HttpRequest], HttpResponse]


def _address_of(request: HttpRequest) -> str:
    """Where the request comes from; a proxy is believed only where there is one."""
    direct = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.ALLAUTH_TRUSTED_PROXY_COUNT:
        return one_line(direct)
    forwarded = request.headers.get("X-Forwarded-For", "")
    return one_line(forwarded.rpartition(",")[2]) or direct


class RequestIdMiddleware:
    """
    An id that the answer, the error pages and the log share.

    Always ours: one that a visitor sends could be made up to lead astray.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with logs.request_context(_address_of(request)) as context:
            request.context = context  # type: ignore[attr-defined]
            response = with_room(self.get_response, request)
            response["X-Request-ID"] = context.request_id
            return response


class BodyLimitMiddleware:
    """
    Refuses what is too large before anything reads it (413, RFC 9110 15.5.14).

    A body that does not tell its length counts as empty for Django: there is no way
    around by sending it in chunks.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20
            return render(request, "413.html", {"limit": limit}, status=413)
        return self.get_response(request)


class MethodsMiddleware:
    """
    Pages are read and forms are posted; there is nothing else.

    Django's editing views take PUT for POST, and DELETE past the form that asks.
    """

    _ALLOWED = ("GET", "HEAD", "OPTIONS", "POST")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in self._ALLOWED:
            return HttpResponseNotAllowed(self._ALLOWED)
        return self.get_response(request)


class PrivatePagesMiddleware:
    """No cache keeps a page about somebody; what we need not of a browser is off."""

    _POWERS = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=()"

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", self._POWERS)
        if "Cache-Control" not in response:
            add_never_cache_headers(response)  # no-store and private, among others
        return response


class UserPreferencesMiddleware:
    """Shows times in the user's zone and words in the user's language."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user: Any = request.user
        if not user.is_authenticated:
            return self.get_response(request)
        logs.set_user(user.pk)
        if user.language:
            translation.activate(user.language)
            request.LANGUAGE_CODE = user.language
        with timezone.override(user.timezone):
            return self.get_response(request)
