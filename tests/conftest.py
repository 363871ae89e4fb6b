"""
What every test can have.

People: alice owns things, bob is somebody with whom she may share, charlie is a
stranger to both; a manager, an admin. Each has a `_client`, a browser signed in.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.test import Client, override_settings
from django.utils import translation
from pytest_django.fixtures import Settings

from mailsvc import shutdown
from tests.support import network
from tests.support.smtp_server import SmtpServer
from users.models import User

PASSWORD = "correct horse"
ROOT = Path(__file__).resolve().parent.parent

network.guard()
# How long an example takes says something about the machine, and nothing about us.
hypothesis.settings.register_profile("mailsvc", deadline=None)
hypothesis.settings.load_profile("mailsvc")


@pytest.fixture(scope="session", autouse=True)
def _quick_settings() -> Iterator[None]:
    """Passwords need not be safe here, nor static files be collected."""
    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        STORAGES={
            "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
            "staticfiles": {"BACKEND": plain},
        },
    ):
        yield


@pytest.fixture(autouse=True)
def _own_files(settings: Settings, tmp_path: Path) -> None:
    """What is written, is written into this test's own directory."""
    settings.DELIVERY = settings.DELIVERY | {
        "journal_dir": tmp_path / "journal",
        "identity_dir": tmp_path / "identity",
    }
    settings.MAILCATCHER_DIR = tmp_path / "outbox"


def empty_cache() -> None:
    """This process's; `clear` empties the whole of a Redis database."""
    if hasattr(cache, "delete_pattern"):
        cache.delete_pattern("*")
    else:
        cache.clear()


@pytest.fixture(autouse=True)
def _nothing_left_over() -> Iterator[None]:
    """No test sees another one's cache, or its request to stop."""
    yield
    empty_cache()
    shutdown.reset()


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """A page's language stays switched on in its thread: no other test shall see it."""
    with translation.override(django_settings.LANGUAGE_CODE):
        yield


@pytest.fixture(autouse=True)
def _no_outside() -> Iterator[None]:
    network.attempts.clear()
    yield
    assert network.attempts == []


# --- people ---


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice@example.com", PASSWORD, full_name="Alice")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob@example.com", PASSWORD, full_name="Bob")


@pytest.fixture
def charlie(db: None) -> User:
    return User.objects.create_user("charlie@example.com", PASSWORD)


@pytest.fixture
def manager(db: None) -> User:
    user = User.objects.create_user("manager@example.com", PASSWORD)
    user.groups.add(Group.objects.get_or_create(name="Managers")[0])
    return user


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("admin@example.com", PASSWORD)


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def alice_client(alice: User) -> Client:
    return _signed_in(alice)


@pytest.fixture
def bob_client(bob: User) -> Client:
    return _signed_in(bob)


@pytest.fixture
def charlie_client(charlie: User) -> Client:
    return _signed_in(charlie)


@pytest.fixture
def manager_client(manager: User) -> Client:
    return _signed_in(manager)


@pytest.fixture
def admin_client(admin: User) -> Client:
    return _signed_in(admin)


# --- the mail server ---


@pytest.fixture
def point_mail_at(settings: Settings) -> Callable[[int], None]:
    """Sends what the delivery engine sends to a port of this machine."""

    def point(port: int) -> None:
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_PORT = port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False

    return point


@pytest.fixture
def smtp_server(point_mail_at: Callable[[int], None]) -> Iterator[SmtpServer]:
    """A good mail server, ours; what it is to do wrong goes into its `script`."""
    with SmtpServer() as server:
        point_mail_at(server.port)
        yield server


@pytest.fixture
def short_timeouts(settings: Settings) -> dict[str, float]:
    """A second at each step, for servers that do not answer."""
    timeouts = dict.fromkeys(settings.DELIVERY["timeouts"], 1.0)
    settings.DELIVERY = {**settings.DELIVERY, "timeouts": timeouts}
    return timeouts


# --- processes of their own ---


def _database_url(values: dict[str, Any]) -> str:
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    login = f"{values['USER']}:{values['PASSWORD']}" if values["USER"] else ""
    host, port = values["HOST"] or "127.0.0.1", values["PORT"] or 5432
    return f"postgres://{login}@{host}:{port}/{values['NAME']}"


@pytest.fixture
def process_env(
    transactional_db: None, settings: Settings, tmp_path: Path
) -> dict[str, str]:
    """
    The environment for a process that works on this test's own database, cache and
    files. Take it after `smtp_server`: it knows the mail server, too.
    """
    return {
        **os.environ,
        "DATABASE_URL": _database_url(connection.settings_dict),
        "VAR_DIR": str(tmp_path),
        "EMAIL_URL": f"smtp://{settings.EMAIL_HOST}:{settings.EMAIL_PORT}",
        "PYTHONUNBUFFERED": "1",
    }
