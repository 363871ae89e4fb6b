"""Headers, limits, and what the log says, asked of the pages themselves."""

import logging
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from mailsvc.logs import OneLineFormatter
from tests import recipes
from users.models import User

pytestmark = pytest.mark.django_db

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-src": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "object-src": "'none'",
}


def policy_of(answer: Any) -> dict[str, str]:
    parts = (part.strip() for part in answer["Content-Security-Policy"].split(";"))
    return dict(part.partition(" ")[::2] for part in parts)


@pytest.mark.parametrize("path", ["/", "/no-such-page/", "/accounts/login/", "/admin/"])
def test_nothing_may_be_loaded_from_elsewhere_or_run_inline(
    admin_client: Client, path: str
) -> None:
    assert policy_of(admin_client.get(path)) == POLICY


@pytest.mark.parametrize("path", ["/", "/clients/", "/profile/", "/accounts/login/"])
def test_pages_about_somebody_stay_in_no_cache(alice_client: Client, path: str) -> None:
    answer = alice_client.get(path)
    assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", "))
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "camera=()" in answer["Permissions-Policy"]


def test_no_template_has_anything_inline() -> None:
    inline = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", re.I)
    found = {
        str(path): match.group()
        for path in (django_settings.BASE_DIR / "templates").rglob("*.html")
        if (match := inline.search(path.read_text()))
    }
    assert found == {}


def test_the_html_of_a_message_is_shown_where_nothing_acts(
    alice: User, alice_client: Client
) -> None:
    message = recipes.message(alice, body_html="<p style='color:red'>Hello</p>")
    frame = reverse("mailings:message-html", args=[message.pk])
    page = alice_client.get(message.get_absolute_url()).content.decode()
    assert f'sandbox="" src="{frame}"' in page
    answer = alice_client.get(frame)
    assert message.body_html in answer.content.decode()
    policy = policy_of(answer)
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert answer["X-Frame-Options"] == "SAMEORIGIN"


# --- limits ---


def test_a_body_beyond_the_limit_is_refused_unread(
    alice_client: Client, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20
    body = {"email": "a@example.com", "full_name": "A", "comment": "x" * 2**20}
    answer = alice_client.post("/clients/new/", body)
    assert answer.status_code == 413
    assert "At most 1 MB" in answer.content.decode()
    alice_client.cookies["django_language"] = "ru"
    answer = alice_client.post("/clients/new/", body)
    assert answer["Content-Language"] == "ru"
    assert not answer.content.decode().count("too large")


def test_the_size_of_the_upload_and_not_only_of_the_fields_counts(
    alice_client: Client, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20
    file = StringIO("x" * 2**20)
    file.name = "large.csv"
    answer = alice_client.post("/clients/new/", {"file": file})
    assert answer.status_code == 413


# --- the request's id ---


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the service writes to its log meanwhile."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    values = django_settings.LOGGING["formatters"]["line"]
    handler.setFormatter(OneLineFormatter(values["format"], style=values["style"]))
    logger = logging.getLogger("django")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


def test_a_refusal_names_the_request_on_the_page_and_in_the_log(
    alice: User, alice_client: Client, log: StringIO
) -> None:
    answer = alice_client.get("/manage/", headers={"X-Request-ID": "mine"})
    number = answer["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{16}", number)
    assert number in answer.content.decode()
    seen = f"[{number} from=127.0.0.1 user={alice.pk}] Forbidden"
    assert seen in log.getvalue()
    assert "/manage/" in log.getvalue()


def test_each_request_has_its_own_id(client: Client) -> None:
    assert client.get("/")["X-Request-ID"] != client.get("/")["X-Request-ID"]


def test_an_error_of_ours_is_a_page_with_the_id(
    client: Client, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("users.adapter.AccountAdapter.is_open_for_signup", broken)
    client.raise_request_exception = False
    answer = client.get("/accounts/signup/")
    assert answer.status_code == 500
    assert answer["X-Request-ID"] in answer.content.decode()
    assert "secret" not in answer.content.decode()
    assert "RuntimeError: secret" in log.getvalue()


def test_nobody_writes_a_line_of_their_own_into_the_log(
    alice_client: Client, log: StringIO
) -> None:
    alice_client.get("/x%0a2026-01-01 ERROR forged%0d%0b%1c%c2%85%e2%80%a8line")
    assert len(log.getvalue().splitlines()) == 1


# --- elsewhere ---


@pytest.mark.parametrize("target", ["https://evil.example.net/", "//evil.example.net"])
def test_the_switch_of_language_leads_nowhere_else(client: Client, target: str) -> None:
    answer = client.post("/i18n/setlang/", {"language": "ru", "next": target})
    assert "evil" not in answer["Location"]
