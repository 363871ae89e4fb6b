"""The benchmark `chaos`, small and with a seed: everything goes wrong at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.postgres import why_not

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        not Path("/proc/self/task").exists(), reason="needs Linux's /proc"
    ),
    pytest.mark.timeout(400),
]

NO_SERVER = why_not()
SMALL = ["--recipients=300", "--seed=5", "--outages=0", "--delay-ms=10"]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--kills=4", "--freezes=1"], id="sqlite"),
        pytest.param(
            ["--kills=4", "--freezes=0", "--restarts=2", "--db=postgres"],
            id="postgres",
            marks=pytest.mark.skipif(NO_SERVER != "", reason=NO_SERVER),
        ),
    ],
)
def test_whatever_happens_to_workers_and_database_nobody_is_lost_or_doubled(
    options: list[str],
) -> None:
    """
    Y8-Y10, Y12, Y22. Two workers and the command line send at once, are killed and
    frozen past their lease, and PostgreSQL crashes.

    The mail server's own ledger and the database agree: lost 0, doubled 0, unknown at
    most as many as connections were open at what was killed.
    """
    done = subprocess.run(
        [sys.executable, "benchmarks/chaos.py", *SMALL, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost 0, doubled 0, misjudged 0" in done.stdout
