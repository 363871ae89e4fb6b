"""What all pages have in common."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from tests import recipes
from users.models import User

PUBLIC = ["account_login", "account_reset_password"]
OWN = [
    "home",
    "users:profile",
    "account_change_password",
    "account_email",
    "mfa_index",
    "mailings:client-list",
    "mailings:client-create",
    "mailings:list-list",
    "mailings:message-create",
    "mailings:mailing-list",
    "mailings:mailing-create",
    "mailings:run-list",
    "mailings:outbox",
]
_LOADED = re.compile(r"""(?:src|href|action|srcset|hx-\w+)=["'](https?:)?//""", re.I)


def _pages(browser: Client, names: list[str]) -> dict[str, str]:
    return {name: browser.get(reverse(name)).content.decode() for name in names}


@pytest.fixture
def pages(client: Client, alice: User, alice_client: Client) -> dict[str, str]:
    recipes.run(recipes.mailing(alice, title="News"), accepted=1)
    return {**_pages(client, PUBLIC), **_pages(alice_client, OWN)}


def test_no_page_refers_to_another_host(pages: dict[str, str]) -> None:
    assert [name for name, page in pages.items() if _LOADED.search(page)] == []


def test_no_page_has_a_script_or_a_style_in_it(pages: dict[str, str]) -> None:
    """So that a strict Content-Security-Policy can be switched on."""
    inline = re.compile(
        r"<script(?![^>]*(?:\bsrc=|application/json))|<style|\sstyle=|\son\w+=", re.I
    )
    assert [name for name, page in pages.items() if inline.search(page)] == []


def test_every_page_has_its_frame(pages: dict[str, str]) -> None:
    for page in pages.values():
        assert page.count("<h1") == 1
        assert 'class="skip-link' in page
        assert '<main id="content"' in page
        assert re.search(r"<title>\s*\w[^<]* · mailsvc</title>", page)


def test_the_files_of_others_are_what_the_manifest_says() -> None:
    root = Path(settings.BASE_DIR) / "static" / "vendor"
    manifest = json.loads((root / "manifest.json").read_text())
    told = {
        name: digest
        for library in manifest["libraries"]
        for name, digest in library["files"].items()
    }
    found = {
        str(path.relative_to(root)): sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert found == told


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "There is no such page"), ("ru", "Такой страницы нет")],
)
def test_404_speaks_both_languages(
    client: Client, db: None, language: str, words: str
) -> None:
    answer = client.get("/nothing/", headers={"accept-language": language})
    assert (answer.status_code, words in answer.content.decode()) == (404, True)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Something went wrong"), ("ru", "Что-то пошло не так")],
)
def test_500_speaks_both_languages(
    alice: User,
    alice_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    words: str,
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("on purpose")

    alice.language = language
    alice.save()
    monkeypatch.setattr("mailings.views.home.HomePage.news", fail)
    alice_client.raise_request_exception = False
    answer = alice_client.get("/")
    assert (answer.status_code, words in answer.content.decode()) == (500, True)


def test_500_needs_no_static_files(
    client: Client, db: None, settings: Any, tmp_path: Path
) -> None:
    """Where they were never collected, each page fails for want of them."""
    hashed = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": hashed}
    settings.STATIC_ROOT, settings.DEBUG = tmp_path, False
    client.raise_request_exception = False
    answer = client.get("/accounts/login/")
    assert (answer.status_code, b"It is in the log" in answer.content) == (500, True)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "This form has grown old"), ("ru", "Форма устарела")],
)
def test_a_form_without_its_token_is_refused_in_both_languages(
    alice: User, language: str, words: str
) -> None:
    alice.language = language
    alice.save()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    answer = browser.post(reverse("mailings:client-create"))
    assert (answer.status_code, words in answer.content.decode()) == (403, True)


def test_403_has_its_page(db: None) -> None:
    assert "You may not do this" in render_to_string("403.html")
