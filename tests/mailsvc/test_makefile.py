"""The two commands that a newcomer types."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Not as a part of the `make test` that we may be in.
    env = {name: os.environ[name] for name in os.environ if "MAKE" not in name}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_alone_shows_the_menu() -> None:
    result = _make()
    assert result.returncode == 0
    shown = re.findall(r"^  ([a-z]+) ", result.stdout, re.MULTILINE)
    assert shown == [
        "help",
        "run",
        "test",
        "lint",
        "format",
        "types",
        "messages",
        "screenshots",
        "lock",
    ]


@pytest.mark.parametrize("python", ["/nowhere/python3", "/bin/false"])
def test_without_a_python_it_says_what_is_missing(tmp_path: Path, python: str) -> None:
    result = _make("venv", f"VENV={tmp_path / 'venv'}", f"PYTHON={python}")
    assert result.returncode == 2
    assert "mailsvc needs Python 3.11 or newer" in result.stderr
    assert python in result.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.process
def test_it_makes_an_environment_once_and_mends_a_broken_one(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    settings = [f"VENV={venv}", f"PYTHON={sys.executable}"]
    assert "Creating" in _make("venv", *settings).stdout
    assert _make("venv", *settings).stdout == ""
    (venv / "bin" / "python").unlink()
    assert "Creating" in _make("venv", *settings).stdout
    assert (venv / "bin" / "python").exists()
