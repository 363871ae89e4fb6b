"""What `serve` does before it serves, and does not do twice."""

import json
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from mailsvc import preparing
from users.models import User


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def var_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path


@pytest.fixture
def static(settings: Settings, tmp_path: Path) -> Path:
    """One source file; returns its path."""
    source = tmp_path / "source" / "a.css"
    source.parent.mkdir()
    source.write_text("body { color: red }")
    settings.STATICFILES_DIRS = [source.parent]
    settings.STATICFILES_FINDERS = [
        "django.contrib.staticfiles.finders.FileSystemFinder"
    ]
    settings.STATIC_ROOT = tmp_path / "static"
    backend = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": backend}}
    return source


def _collected(settings: Settings) -> dict[str, str]:
    manifest = json.loads((settings.STATIC_ROOT / "staticfiles.json").read_text())
    return dict(manifest["paths"])


def test_static_files_are_collected_once(
    settings: Settings, static: Path, said: list[str]
) -> None:
    for _ in range(2):
        preparing.prepare_static_files(said.append)
    assert said == ["Collecting the static files…"]
    assert list(_collected(settings)) == ["a.css"]


def test_a_newer_static_file_is_collected(
    settings: Settings, static: Path, said: list[str]
) -> None:
    preparing.prepare_static_files(said.append)
    before = _collected(settings)
    static.write_text("body { color: blue }")
    preparing.prepare_static_files(said.append)
    assert len(said) == 2
    assert _collected(settings) != before


@pytest.mark.usefixtures("static")
def test_nothing_is_collected_for_a_developer(
    settings: Settings, said: list[str]
) -> None:
    settings.DEBUG = True
    preparing.prepare_static_files(said.append)
    assert said == []


@pytest.mark.django_db
def test_a_database_that_is_up_to_date_needs_no_words(said: list[str]) -> None:
    preparing.prepare_database(said.append)
    assert said == []


@pytest.mark.django_db
@pytest.mark.usefixtures("var_dir")
def test_demo_data_is_loaded_once_and_its_logins_are_known_later(
    said: list[str],
) -> None:
    for _ in range(2):
        preparing.load_demo(said.append)
    assert said == ["Loading demo data…"]
    for user in User.objects.all():
        assert user.email in preparing.demo_logins()
    assert preparing.demo_logins().endswith("; password: demo")


@pytest.mark.usefixtures("alice", "var_dir")
def test_demo_data_never_comes_to_real_users(said: list[str]) -> None:
    preparing.load_demo(said.append)
    assert said == []
    assert User.objects.count() == 1
    assert preparing.demo_logins() == ""


@pytest.mark.django_db
def test_people_who_are_gone_are_not_shown_as_logins(var_dir: Path) -> None:
    kept = json.dumps({"users": ["gone@example.com"], "password": "demo"})
    (var_dir / "demo.json").write_text(kept)
    assert preparing.demo_logins() == ""
