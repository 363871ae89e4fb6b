"""The ground on which the other tests stand."""

import os
import smtplib
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from tests.conftest import PASSWORD, ROOT
from tests.support import network
from tests.support.smtp_server import SmtpServer
from users.models import User


def test_nothing_is_written_where_the_developer_works(tmp_path: Path) -> None:
    temporary = Path(tempfile.gettempdir()).resolve()
    assert settings.VAR_DIR.is_relative_to(temporary)
    assert settings.DELIVERY["journal_dir"] == tmp_path / "journal"
    assert tmp_path / "outbox" == settings.MAILCATCHER_DIR


def test_processes_of_the_same_run_do_not_share_a_cache() -> None:
    """`clear` on files takes no heed of prefixes."""
    backend, place = settings.CACHES["default"], os.environ.get("PYTEST_XDIST_WORKER")
    if os.environ["TESTS_CACHE_URL"]:
        assert backend["KEY_PREFIX"].endswith(place or "alone")
    else:
        assert backend["LOCATION"] == f"{settings.VAR_DIR}/cache"


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_another_machine_is_out_of_reach(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock, pytest.raises(network.Outside):
        sock.connect((host, 25))
    assert network.attempts == [f"socket.connect {host}"]
    network.attempts.clear()


def test_another_machines_name_is_not_even_looked_up() -> None:
    with pytest.raises(network.Outside):
        smtplib.SMTP("mail.example.com")
    assert network.attempts == ["socket.getaddrinfo mail.example.com"]
    network.attempts.clear()


@pytest.mark.parametrize("value", ["one", "two"])
def test_no_test_finds_another_ones_cache(value: str) -> None:
    assert cache.get("left-over") is None
    cache.set("left-over", value)
    assert cache.get("left-over") == value


def test_everybody_can_sign_in(
    alice: User, bob: User, charlie: User, manager: User, admin: User
) -> None:
    people = [alice, bob, charlie, manager, admin]
    assert [
        Client().login(username=user.email, password=PASSWORD) for user in people
    ] == [True] * 5
    assert [user.is_superuser for user in people] == [False] * 4 + [True]
    assert [user.groups.count() for user in people] == [0, 0, 0, 1, 0]


def test_a_browser_is_signed_in(alice: User, alice_client: Client) -> None:
    assert alice_client.session["_auth_user_id"] == str(alice.pk)


def test_the_mail_server_is_where_the_settings_say(smtp_server: SmtpServer) -> None:
    with smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT) as client:
        client.sendmail("a@example.com", ["b@example.com"], "Subject: hi\r\n\r\nhello")
    assert [mail.recipient for mail in smtp_server.received] == ["b@example.com"]


_LOOK = """
from django.conf import settings
from django.core.cache import cache
from users.models import User
cache.set("from", "the process")
print(User.objects.get().email, settings.EMAIL_PORT, cache.get("from-here"))
"""


@pytest.mark.django_db(transaction=True)
def test_a_process_sees_this_tests_database_cache_and_mail_server(
    alice: User, smtp_server: SmtpServer, process_env: dict[str, str]
) -> None:
    cache.set("from-here", "seen")
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", _LOOK],
        cwd=ROOT,
        env=process_env,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == [alice.email, str(smtp_server.port), "seen"]
    assert cache.get("from") == "the process"
