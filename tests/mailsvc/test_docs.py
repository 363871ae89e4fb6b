"""What can be set is written down."""

import re
from pathlib import Path

import pytest

from mailsvc import checks
from tests.conftest import ROOT

SETTINGS = (ROOT / "docs" / "settings.md").read_text()
READ = re.compile(
    r"""(?:env\.\w+|environ\.get|from_environment)\(\s*["']([A-Z_]+)["']"""
)


@pytest.mark.parametrize(
    "path",
    [
        "mailsvc/settings.py",
        "mailsvc/management/commands/serve.py",
        "mailsvc/management/commands/mailcatcher.py",
        "deploy/gunicorn.conf.py",
    ],
)
def test_every_variable_that_is_read_is_explained(path: str) -> None:
    names = set(READ.findall((ROOT / path).read_text()))
    assert names != set()
    assert {name for name in names if f"| `{name}` |" not in SETTINGS} == set()


def test_every_check_is_explained() -> None:
    text = Path(checks.__file__).read_text()
    ids = set(re.findall(r'"(mailsvc\.[EW]\d+)"', text))
    assert ids == set(re.findall(r"\| `(mailsvc\.[EW]\d+)` \|", SETTINGS))


@pytest.mark.parametrize("unit", ["worker", "due", "web"])
def test_systemd_signals_the_main_process_alone(unit: str) -> None:
    text = (ROOT / "deploy" / "systemd" / f"mailsvc-{unit}.service").read_text()
    assert "\nKillMode=mixed\n" in text


def test_systemd_waits_longer_for_the_worker_than_the_worker_does() -> None:
    text = (ROOT / "deploy" / "systemd" / "mailsvc-worker.service").read_text()
    grace = int(re.findall(r"--grace (\d+)", text)[0])
    assert int(re.findall(r"TimeoutStopSec=(\d+)", text)[0]) > grace
