"""Settings that would do harm are found, and good ones are left in peace."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from pytest_django.fixtures import Settings

from tests.conftest import ROOT

GOOD_KEY = "k3Zp9-vQ2mX7wLr8TnB4yHs6DfJ1aGcU5eVoIx0RqYtMzKbWhS"
PRODUCTION = {
    "SITE_URL": "https://mail.example.com",
    "ALLOWED_HOSTS": "mail.example.com",
    "SECRET_KEY": GOOD_KEY,
    "DEFAULT_FROM_EMAIL": "News <news@example.com>",
    "EMAIL_URL": "smtp+tls://news:secret@smtp.example.com:587",
    "MAILCATCHER": "false",
    "BEHIND_PROXY": "true",
}


@pytest.fixture
def https(settings: Settings) -> Settings:
    """An installation with nothing wrong."""
    settings.HTTPS = True
    settings.DEBUG = settings.MAILCATCHER_ENABLED = False
    settings.SITE_URL = "https://mail.example.com"
    settings.ALLOWED_HOSTS = [".example.com"]
    settings.SECRET_KEY = GOOD_KEY
    settings.DEFAULT_FROM_EMAIL = "News <news@example.com>"
    return settings


def _messages() -> list[CheckMessage]:
    found = run_checks(include_deployment_checks=False)
    return [each for each in found if str(each.id).startswith("mailsvc.")]


def _ids() -> list[str]:
    return [str(each.id) for each in _messages()]


def _changed(values: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    key, _, rest = path.partition(".")
    return {**values, key: _changed(values[key], rest, value) if rest else value}


def test_a_good_installation_has_no_complaints(https: Settings) -> None:
    assert _messages() == []


@pytest.mark.usefixtures("settings")
def test_the_defaults_have_no_complaints() -> None:
    assert _messages() == []


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("SECRET_KEY", "short", "E001"),
        ("SECRET_KEY", "abc" * 20, "E001"),
        ("SECRET_KEY", f"django-insecure-{GOOD_KEY}", "E001"),
        ("DEBUG", True, "E002"),
        ("SITE_URL", "mail.example.com", "E004"),
        ("SITE_URL", "ftp://mail.example.com", "E004"),
        ("SITE_URL", "https://", "E004"),
        ("SITE_URL", "https://mail.example.com/app", "E004"),
        ("SITE_URL", "https://mail.example.com?a=b", "E004"),
        ("SITE_URL", "https://me@mail.example.com", "E004"),
        ("SITE_URL", "https://mail.example.com:https", "E004"),
        ("SITE_URL", "https://mail example.com", "E004"),
        ("SITE_URL", "https://[::1", "E004"),
        ("SITE_URL", "https://other.example.org", "E007"),
        ("ALLOWED_HOSTS", [], "E007"),
        ("ALLOWED_HOSTS", ["*"], "E013"),
        ("DATA_UPLOAD_MAX_MEMORY_SIZE", 0, "E015"),
        ("ATTACHMENTS", {"file": -1, "total": 10}, "W018"),
        ("ATTACHMENTS", {"file": 2**20, "total": 10}, "W018"),
        ("ATTACHMENTS", {"file": 2**40, "total": 2**40}, "W018"),
        ("DEFAULT_FROM_EMAIL", "news@localhost.localdomain", "W005"),
        ("DEFAULT_FROM_EMAIL", "news", "E006"),
        ("DEFAULT_FROM_EMAIL", "", "E006"),
        ("MAILCATCHER_ENABLED", True, "W008"),
    ],
)
def test_what_would_do_harm_is_found(
    https: Settings, name: str, value: object, complaint: str
) -> None:
    setattr(https, name, value)
    assert _ids() == [f"mailsvc.{complaint}"]


@pytest.mark.parametrize(
    ("name", "path", "value", "complaint"),
    [
        ("DELIVERY", "pumps", 0, "E009"),
        ("DELIVERY", "connections", -1, "E009"),
        ("DELIVERY", "pumps", 4, "W010"),
        ("DELIVERY", "rates.all", "many", "E016"),
        ("DELIVERY", "rates.per_user", "0/hour", "E016"),
        ("DELIVERY", "rates.per_domain", "5/fortnight", "E016"),
        ("DELIVERY", "per_domain", -1, "E017"),
        ("DELIVERY", "timeouts.dot", 1100.0, "E011"),
        ("DELIVERY", "timeouts.dot", 0.0, "E011"),
        ("DATABASES", "default.OPTIONS", {"pool": True}, "E012"),
        *(
            ("CACHES", "default.BACKEND", f"django.core.cache.backends.{name}", "W003")
            for name in ("locmem.LocMemCache", "dummy.DummyCache")
        ),
    ],
)
def test_what_would_do_harm_anywhere_is_found(
    settings: Settings, name: str, path: str, value: object, complaint: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Not through `settings`: that would make Django open them anew.
        changed = _changed(getattr(settings, name), path, value)
        patch.setattr("django.conf.settings." + name, changed)
        assert _ids() == [f"mailsvc.{complaint}"]


@pytest.mark.parametrize(
    ("site", "host"),
    [
        ("http://localhost:8000", "localhost"),
        ("http://[::1]:8000", "[::1]"),
        ("https://mail.example.com:8443", "mail.example.com"),
    ],
)
def test_a_site_may_have_a_port(settings: Settings, site: str, host: str) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = site, [host]
    assert _ids() == []


@pytest.mark.parametrize("site", ["http://mail.example.com", "http://10.0.0.7:8000"])
def test_without_https_others_can_still_reach_it(settings: Settings, site: str) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = site, ["*"]
    settings.SECRET_KEY, settings.DEBUG = "x", True
    assert {"mailsvc.E001", "mailsvc.E002"} <= set(_ids())


@pytest.mark.parametrize("name", ["SECRET_KEY", "DEBUG", "DEFAULT_FROM_EMAIL"])
def test_on_ones_own_machine_one_may_be_careless(settings: Settings, name: str) -> None:
    careless = {"SECRET_KEY": "x", "DEBUG": True, "DEFAULT_FROM_EMAIL": "a@localhost"}
    setattr(settings, name, careless[name])
    assert "mailsvc.E001" not in _ids()
    assert "mailsvc.E002" not in _ids()
    assert "mailsvc.W005" not in _ids()


@pytest.mark.parametrize(
    ("site", "complaints"),
    [
        ("http://mail.example.com", ["mailsvc.W014"]),
        ("http://10.0.0.7:8000", ["mailsvc.W014"]),
        ("http://127.0.0.2:8000", []),
        ("http://mail.localhost", []),
    ],
)
def test_passwords_are_not_to_travel_in_the_open(
    settings: Settings, site: str, complaints: list[str]
) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = site, ["*"]
    assert _ids() == complaints


def test_every_complaint_says_what_to_do(https: Settings) -> None:
    https.SECRET_KEY, https.DEBUG, https.SITE_URL = "x", True, "nowhere"
    https.DEFAULT_FROM_EMAIL, https.MAILCATCHER_ENABLED = "nobody", True
    hints = [each.hint for each in _messages()]
    assert len(hints) == 5
    assert all(hints)


# --- as it is started ---


def _check(tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=os.environ | PRODUCTION | {"VAR_DIR": str(tmp_path)} | env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.process
def test_a_production_environment_passes_the_deployment_check(tmp_path: Path) -> None:
    result = _check(tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.process
def test_an_unsafe_production_environment_does_not(tmp_path: Path) -> None:
    result = _check(tmp_path, SECRET_KEY="secret", DEBUG="true")
    assert result.returncode == 1
    assert "mailsvc.E001" in result.stderr
    assert "mailsvc.E002" in result.stderr


@pytest.mark.process
@pytest.mark.parametrize("unsafe", [{"SECRET_KEY": "secret"}, {"DEBUG": "true"}])
@pytest.mark.parametrize(
    "command",
    [["-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"], ["manage.py", "qcluster"]],
)
def test_an_unsafe_production_environment_does_not_start(
    tmp_path: Path, command: list[str], unsafe: dict[str, str]
) -> None:
    env = {"VAR_DIR": str(tmp_path), "PORT": "0"} | unsafe
    result = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | PRODUCTION | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode != 0
    assert f"mailsvc.E00{2 if 'DEBUG' in unsafe else 1}" in result.stderr
    assert "Traceback" not in result.stderr
