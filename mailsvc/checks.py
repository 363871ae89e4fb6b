"""
Settings that would do harm, found before they do it.

Those that only matter to an installation that others can reach look at
`_is_for_others`, or at `HTTPS` where plain http is another matter.
"""

from collections.abc import Sequence
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http.request import validate_host

from mailsvc.rates import is_rate

_PER_PROCESS_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")
_SHORTEST_KEY = 32  # characters
_DIFFERENT_LETTERS = 8  # in a key that was not made up at the keyboard


@register(Tags.security)
def check_secret_key(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    key = settings.SECRET_KEY
    is_weak = (
        len(key) < _SHORTEST_KEY
        or len(set(key)) < _DIFFERENT_LETTERS
        or key.startswith("django-insecure")
    )
    if not (_is_for_others() and is_weak):
        return []
    return [
        Error(
            "SECRET_KEY is short or well-known: whoever guesses it can sign in as "
            "anybody.",
            hint="Remove it, and mailsvc makes one of its own in VAR_DIR; or set 50 "
            "random characters.",
            id="mailsvc.E001",
        )
    ]


@register(Tags.security)
def check_debug(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if not (_is_for_others() and settings.DEBUG):
        return []
    return [
        Error(
            "DEBUG is on although SITE_URL is for others: error pages would show them "
            "the settings and everybody's data.",
            hint="Remove DEBUG from the environment.",
            id="mailsvc.E002",
        )
    ]


@register(Tags.caches)
def check_cache_is_shared(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if not settings.CACHES["default"]["BACKEND"].endswith(_PER_PROCESS_CACHES):
        return []
    return [
        Warning(
            "CACHE_URL is a cache that each process has for itself: web and worker "
            "would show different figures, and limits would count wrong.",
            hint="Use redis://…, or remove CACHE_URL: then it is a directory that "
            "all processes of this machine share.",
            id="mailsvc.W003",
        )
    ]


@register(Tags.compatibility)  # not `urls`: the worker is to hear of it, too
def check_site_url(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    host = _site_host()
    if host is None:
        return [
            Error(
                f"SITE_URL {settings.SITE_URL!r} is not the address of a site.",
                hint="Like https://mail.example.com: http or https, the host, the "
                "port if it is an unusual one, and nothing after it.",
                id="mailsvc.E004",
            )
        ]
    if validate_host(host, settings.ALLOWED_HOSTS):
        return []
    return [
        Error(
            f"ALLOWED_HOSTS does not name {host}, the host of SITE_URL: every page "
            "would answer 400.",
            hint=f"Set ALLOWED_HOSTS={host}",
            id="mailsvc.E007",
        )
    ]


def _site_host() -> str | None:
    """The host of SITE_URL, if that is nothing but scheme, host and port."""
    try:
        url = urlsplit(settings.SITE_URL)
        has_port = url.port is None or url.port > 0
    except ValueError:
        return None
    is_plain = not (url.path or url.query or url.fragment or "@" in url.netloc)
    if url.scheme not in ("http", "https") or not (is_plain and has_port):
        return None
    if not url.hostname or any(character.isspace() for character in url.netloc):
        return None
    return f"[{url.hostname}]" if ":" in url.hostname else url.hostname


@register(Tags.security)
def check_hosts(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if not (settings.HTTPS and "*" in settings.ALLOWED_HOSTS):
        return []
    return [
        Error(
            "ALLOWED_HOSTS is *: whoever names a host of their own in a request is "
            "answered, and caches may keep that answer.",
            hint=f"Set ALLOWED_HOSTS={_site_host() or 'the host of SITE_URL'}",
            id="mailsvc.E013",
        )
    ]


@register(Tags.security)
def check_https(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    host = _site_host()
    is_safe = settings.SITE_URL.startswith("https://")
    if is_safe or host is None or _is_this_machine(host):
        return []
    return [
        Warning(
            f"SITE_URL is http, although {host} is not this machine: passwords and "
            "sessions can be read on the way.",
            hint=f"Put TLS in front (deploy/nginx.conf), and set SITE_URL=https://{host}",
            id="mailsvc.W014",
        )
    ]


def _is_for_others() -> bool:
    """Whether SITE_URL is an address that others can reach."""
    host = _site_host()
    return settings.HTTPS or (host is not None and not _is_this_machine(host))


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@register(Tags.security)
def check_upload_limit(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if settings.DATA_UPLOAD_MAX_MEMORY_SIZE >= 2**20:
        return []
    return [
        Error(
            "MAX_UPLOAD_MB is less than 1: no form could be sent.",
            hint="It is a number of megabytes from 1 on.",
            id="mailsvc.E015",
        )
    ]


@register(Tags.compatibility)
def check_attachments(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    one, total = settings.ATTACHMENTS["file"], settings.ATTACHMENTS["total"]
    upload = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if upload < 2**20 or 0 <= one <= min(total, upload):  # mailsvc.E015 says the first
        return []
    return [
        Warning(
            "ATTACHMENT_MB is below 0, or more than ATTACHMENTS_MB or MAX_UPLOAD_MB: "
            "files are refused though they are not too large.",
            hint="ATTACHMENT_MB is for one file, ATTACHMENTS_MB for all of a message; "
            "mail servers take 10 MB or 25, and files grow by a third on the way.",
            id="mailsvc.W018",
        )
    ]


@register(Tags.compatibility)
def check_sender(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    try:
        validate_email(address)
    except ValidationError:
        return [
            Error(
                f"DEFAULT_FROM_EMAIL {settings.DEFAULT_FROM_EMAIL!r} is no e-mail "
                "address: no server would take a mail from it.",
                hint="Like news@example.com, or News <news@example.com>.",
                id="mailsvc.E006",
            )
        ]
    domain = address.rpartition("@")[2].lower()
    if not (settings.HTTPS and f".{domain}".endswith((".localhost", ".localdomain"))):
        return []
    return [
        Warning(
            f"Mails would come from {address}: other servers refuse such senders.",
            hint="Set DEFAULT_FROM_EMAIL to an address of your own domain.",
            id="mailsvc.W005",
        )
    ]


@register(Tags.compatibility)
def check_mail_server(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if not (settings.HTTPS and settings.MAILCATCHER_ENABLED):
        return []
    return [
        Warning(
            "The built-in mail catcher is in use: no mail leaves this machine.",
            hint="Set EMAIL_URL to your mail server, like "
            "smtp+tls://user:password@smtp.example.com:587",
            id="mailsvc.W008",
        )
    ]


@register(Tags.compatibility)
def check_numbers(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    return [
        Error(
            f"DELIVERY_{name.upper()} is {settings.DELIVERY[name]}: nothing would be "
            "sent.",
            hint="It is a number from 1 on.",
            id="mailsvc.E009",
        )
        for name in ("pumps", "connections")
        if settings.DELIVERY[name] < 1
    ]


@register(Tags.compatibility)
def check_limits(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    names = {
        "all": "DELIVERY_RATE",
        "per_user": "DELIVERY_RATE_PER_USER",
        "per_domain": "DELIVERY_RATE_PER_DOMAIN",
        "tests": "TEST_SEND_RATE",
    }
    wrong: list[CheckMessage] = [
        Error(
            f"{name} is {settings.DELIVERY['rates'][key]!r}, which is no rate.",
            hint="Like 100/minute or 5000/hour, several with a semicolon between "
            "them; no limit if it is empty.",
            id="mailsvc.E016",
        )
        for key, name in names.items()
        if not is_rate(settings.DELIVERY["rates"].get(key, ""))
    ]
    if settings.DELIVERY["per_domain"] < 0:
        wrong.append(
            Error(
                "DELIVERY_CONNECTIONS_PER_DOMAIN is "
                f"{settings.DELIVERY['per_domain']}: nothing would be sent.",
                hint="It is a number from 1 on, or 0 for as many as do no harm.",
                id="mailsvc.E017",
            )
        )
    return wrong


@register(Tags.compatibility)
def check_pumps(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    pumps, workers = settings.DELIVERY["pumps"], settings.Q_CLUSTER["workers"]
    if pumps < workers:
        return []
    return [
        Warning(
            f"DELIVERY_PUMPS is {pumps}: all {workers} processes of a worker could be "
            "sending, and none would start what is due.",
            hint=f"Set it to {workers - 1} at the most.",
            id="mailsvc.W010",
        )
    ]


@register(Tags.compatibility)
def check_dot_timeout(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    waits = settings.DELIVERY["timeouts"]
    dot = waits["dot"]
    limit = settings.Q_CLUSTER["timeout"]
    # The last message may be begun in the last second, on a connection to be made.
    longest = limit - settings.DELIVERY["budget"] - (sum(waits.values()) - dot)
    if 0 < dot < longest:
        return []
    return [
        Error(
            f"DELIVERY_DOT_TIMEOUT is {dot:g} s: a task is cut off after {limit} s, "
            "perhaps while it still waits for the reply to a message.",
            hint=f"It is more than 0 and less than {longest:g}.",
            id="mailsvc.E011",
        )
    ]


@register(Tags.database)
def check_connection_pool(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if not settings.DATABASES["default"].get("OPTIONS", {}).get("pool"):
        return []
    return [
        Error(
            "DATABASE_URL asks for psycopg's connection pool, which the worker's "
            "processes would share: they would read each other's answers.",
            hint="Remove `pool` from it; a pool outside, such as PgBouncer, is fine.",
            id="mailsvc.E012",
        )
    ]
