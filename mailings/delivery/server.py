"""The mail server of this installation, from the settings."""

from urllib.parse import urlsplit

from django.conf import settings
from django.utils.crypto import salted_hmac

from mailings.delivery.troubles import Server


def configured_server() -> Server:
    return Server(
        host=settings.EMAIL_HOST,
        port=int(settings.EMAIL_PORT),
        user=settings.EMAIL_HOST_USER or "",
        password=settings.EMAIL_HOST_PASSWORD or "",
        starttls=bool(getattr(settings, "EMAIL_USE_TLS", False)),
        implicit_tls=bool(getattr(settings, "EMAIL_USE_SSL", False)),
        hello_name=_hello_name(),
    )


def fingerprint(server: Server) -> str:
    """Another one for other settings; nobody can tell a password from it."""
    parts = [server.user, server.password, server.hello_name]
    parts += [str(server.starttls), str(server.implicit_tls)]
    parts.append(settings.DEFAULT_FROM_EMAIL)
    value = "\0".join(parts)
    return salted_hmac("mailings.circuit", value, algorithm="sha256").hexdigest()


def _hello_name() -> str:
    """The name of this site; an address goes in brackets (RFC 5321 4.1.3)."""
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    if ":" in host:
        return f"[IPv6:{host}]"
    return f"[{host}]" if host.replace(".", "").isdigit() else host
