"""The Russian catalogue is whole, and the compiled one is made from it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
CATALOGUE = ROOT / "locale" / "ru" / "LC_MESSAGES" / "django.po"
APPS = ["mailsvc", "users", "mailings", "reports", "templates"]
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def _entries() -> list[polib.POEntry]:
    return [entry for entry in polib.pofile(str(CATALOGUE)) if not entry.obsolete]


def _texts(entry: polib.POEntry) -> dict[int, str]:
    return entry.msgstr_plural or {0: entry.msgstr}


def test_nothing_is_left_untranslated() -> None:
    missing = [
        entry.msgid
        for entry in _entries()
        if entry.fuzzy or not all(_texts(entry).values())
    ]
    assert missing == []


def test_every_form_of_a_plural_is_there() -> None:
    forms = {len(entry.msgstr_plural) for entry in _entries() if entry.msgid_plural}
    assert forms == {4}


def test_placeholders_are_the_same() -> None:
    wrong = [
        entry.msgid
        for entry in _entries()
        if any(
            set(_PLACEHOLDER.findall(text))
            != set(_PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
            for text in _texts(entry).values()
        )
    ]
    assert wrong == []


def test_the_compiled_catalogue_says_the_same() -> None:
    compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))
    said = {(entry.msgctxt, entry.msgid): _texts(entry) for entry in compiled}
    assert said == {(entry.msgctxt, entry.msgid): _texts(entry) for entry in _entries()}


@pytest.mark.skipif(
    shutil.which("xgettext") is None, reason="there is no xgettext (Debian: gettext)"
)
def test_no_string_is_missing_from_the_catalogue(tmp_path: Path) -> None:
    """Collects the strings of a copy of the sources, as makemessages does."""
    for name in APPS:
        shutil.copytree(
            ROOT / name,
            tmp_path / name,
            ignore=shutil.ignore_patterns("__pycache__", "migrations"),
        )
    (tmp_path / "locale").mkdir()
    command = [
        *(sys.executable, "-m", "django", "makemessages"),
        *("--locale=ru", "--keep-pot"),
        *("--no-location", "--verbosity=0"),
    ]
    # Without our settings, which would have it write into the real catalogue.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DJANGO_")}
    subprocess.run(command, cwd=tmp_path, check=True, env=environment)
    collected = polib.pofile(str(tmp_path / "locale" / "django.pot"))
    known = {(entry.msgctxt, entry.msgid) for entry in _entries()}
    asked = {(entry.msgctxt, entry.msgid) for entry in collected}
    assert sorted(asked - known, key=str) == []
