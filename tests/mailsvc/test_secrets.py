"""Canaries for passwords and keys: they sing nowhere."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from pytest_django.fixtures import Settings

from mailings.models import Circuit
from tests import recipes
from tests.access.snapshot import picture
from tests.conftest import ROOT
from tests.support.smtp_server import SmtpServer
from users.models import User

MAIL, DATABASE, KEY = "canary-of-mail-1", "canary-of-database-2", "canary-of-key-3" * 4
CANARIES = (MAIL, DATABASE, KEY)


def manage(env: dict[str, str], *arguments: object) -> str:
    """Everything that the command prints."""
    done = subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def heard(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


@pytest.mark.process
def test_a_refused_password_of_the_mail_server_is_told_nowhere(
    alice: User, smtp_server: SmtpServer, process_env: dict[str, str], tmp_path: Path
) -> None:
    smtp_server.accounts = {"news": "another password"}
    smtp_server.extensions.append("AUTH PLAIN LOGIN")
    address = process_env["EMAIL_URL"].removeprefix("smtp://")
    env = process_env | {
        "EMAIL_URL": f"smtp://news:{MAIL}@{address}",
        "SECRET_KEY": KEY,
        "LOG_LEVEL": "DEBUG",
    }
    mailing = recipes.mailing(alice, clients=recipes.clients(alice, 2))
    for command in (
        ("send_mailing", mailing.pk),
        ("send_mailing", mailing.pk, "--json"),
        ("send_due", "--json"),
        ("verify_stats", "--json"),
        ("mailing_report", mailing.pk, "--json"),
    ):
        assert heard(manage(env, *command)) == []
    assert Circuit.objects.get().reason  # it did fail
    assert heard(repr(picture())) == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if heard(path.read_bytes().decode("latin-1"))]


@pytest.mark.process
@pytest.mark.parametrize(
    "command", ["check", "migrate", "send_due", "verify_stats", "createsuperuser"]
)
def test_a_database_that_is_away_is_told_without_its_password(
    tmp_path: Path, process_env: dict[str, str], command: str
) -> None:
    env = process_env | {
        "DATABASE_URL": f"postgres://news:{DATABASE}@127.0.0.1:1/mail",
        "SECRET_KEY": KEY,
    }
    extra = ["--noinput", "--email=a@example.com"] if "super" in command else []
    said = manage(env, command, *extra)
    assert heard(said) == []
    assert command == "check" or "127.0.0.1" in said


@pytest.mark.process
def test_the_check_before_production_names_no_value(
    process_env: dict[str, str],
) -> None:
    env = process_env | {
        "SECRET_KEY": "canary" * 3,
        "SITE_URL": "https://mail.example.com",
        "ALLOWED_HOSTS": "mail.example.com",
        "EMAIL_URL": f"smtp+tls://news:{MAIL}@smtp.example.com:587",
    }
    said = manage(env, "check", "--deploy")
    assert "mailsvc.E001" in said  # the key is bad, and named as that
    assert "canary" not in said


@pytest.mark.django_db
def test_no_page_shows_them(
    alice_client: Client,
    admin_client: Client,
    client: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.EMAIL_HOST_PASSWORD = MAIL
    settings.EMAIL_URL = f"smtp://news:{MAIL}@127.0.0.1:25"
    pages = ["/", "/clients/", "/outbox/", "/profile/", "/reports/", "/nothing/"]
    pages += ["/manage/", "/manage/audit/", "/admin/", "/accounts/login/"]
    pages += [
        f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for model in apps.get_models()
    ]
    answers: list[Any] = [
        browser.get(page)
        for browser in (client, alice_client, admin_client)
        for page in pages
    ]
    monkeypatch.setattr("users.adapter.AccountAdapter.is_open_for_signup", None)
    client.raise_request_exception = False
    answers.append(client.get("/accounts/signup/"))
    assert answers[-1].status_code == 500
    assert [heard(answer.content.decode()) for answer in answers] == [[]] * len(answers)
