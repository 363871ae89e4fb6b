"""
The eighteen figures that are promised, each shown by a command with an exit code.

    python benchmarks/promises.py              all of them, hours
    python benchmarks/promises.py N4 N12       these only
    python benchmarks/promises.py --list       what there is

The last line that a command prints is what was measured. `--write` puts it into the
table in docs/reliability.md; rows that were not run stay as they are. Exit code 1 if a
promise is not kept.
"""

import argparse
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reliability.md"
BEGIN = "<!-- Written by benchmarks/promises.py from here -->"
END = "<!-- to here: promises -->"
NOT_RUN = "not measured yet"


class Promise(NamedTuple):
    words: str
    command: str  # arguments of Python, run in the project's directory

    @property
    def arguments(self) -> list[str]:
        return [sys.executable, *shlex.split(self.command)]


def selection_of(*selection: str, only: str = "") -> str:
    return " ".join(
        ["-m pytest -q", *selection, f"-k '{only}'" if only else ""]
    ).strip()


_ENGINE = "tests/mailings/delivery"

PROMISES = {
    "N1": Promise(
        "20 kills -9 while 10,000 are written to: nobody lost, nobody doubled, unknown "
        "at most as many as connections were open",
        "benchmarks/chaos.py --recipients 10000 --kills 20",
    ),
    "N2": Promise(
        "The power fails: unknown is at most what was claimed, nobody is lost or "
        "doubled",
        selection_of(
            f"{_ENGINE}/test_recover.py",
            f"{_ENGINE}/test_mishaps.py",
            "tests/crash/test_power.py",
            only="power or unreadable or cut",
        ),
    ),
    "N3": Promise(
        "The mail server is away: nobody is charged, it is asked once a minute at the "
        "most, and found at most a minute after its return",
        selection_of(
            "tests/faults/test_opening.py",
            "tests/faults/test_connections.py",
            only="closed or vanish or greeting or probe",
        ),
    ),
    "N4": Promise(
        "Every fault of a mail server, in lock-step and pipelined: nobody misjudged, "
        "nothing raised, every wait has an end",
        selection_of("tests/faults", f"{_ENGINE}/test_replies.py"),
    ),
    "N5": Promise(
        "The mail server hangs: pages are at most 1.2 times as slow as without",
        "benchmarks/hanging.py --rounds 60",
    ),
    "N6": Promise(
        "The database is restarted or away: nobody lost, nobody doubled, it goes on by "
        "itself",
        selection_of("tests/crash/test_database.py"),
    ),
    "N7": Promise(
        "Redis is gone, silent or empty: mail goes out, pages answer",
        selection_of(
            "tests/crash/test_resources.py",
            "tests/mailsvc/test_cache.py",
            "tests/mailsvc/test_patient_redis.py",
            only="cache or redis",
        ),
    ),
    "N8": Promise(
        "The disk is full: nothing is sent that can't be recorded, and it goes on by "
        "itself",
        selection_of(
            "tests/crash",
            f"{_ENGINE}/test_mishaps.py",
            only="space or full or disk or logs",
        ),
    ),
    "N9": Promise(
        "A thousand days in several zones, with restarts: one run for each occurrence",
        selection_of(
            "tests/mailings/test_recurrence.py",
            "tests/mailings/test_schedules.py",
            f"{_ENGINE}/test_plan.py",
        ),
    ),
    "N10": Promise(
        "Blocked, held, paused, unsubscribed: out at the next request, nothing more is "
        "sent within seconds",
        selection_of(
            "tests/users/test_blocking.py",
            f"{_ENGINE}/test_pump_limits.py",
            f"{_ENGINE}/test_suppress.py",
            f"{_ENGINE}/test_pipelining.py",
        ),
    ),
    "N11": Promise(
        "A mailing to 50 takes at most 5 s more beside one to 200,000 at a domain that "
        "crawls",
        "benchmarks/fairness.py --many 200000 --db postgres",
    ),
    "N12": Promise(
        "Everybody is greylisted: everybody gets it, nobody is tried twice in a minute",
        selection_of("tests/faults/test_envelope.py", only="greylisting or rate_limit"),
    ),
    "N13": Promise(
        "The reports show what counting anew gives, whatever happened",
        selection_of(
            "tests/reports",
            f"{_ENGINE}/test_statistics.py",
            f"{_ENGINE}/test_states.py",
        ),
    ),
    "N14": Promise(
        "A mail server that never stops talking takes at most 10 MB from us",
        "benchmarks/hostile.py",
    ),
    "N15": Promise(
        "100 stops in the middle of sending: within the grace, typically 5 s, and "
        "nobody is unknown",
        "benchmarks/stops.py --stops 100",
    ),
    "N16": Promise(
        "Half an hour of everything: memory flat, no mailing late, books balanced",
        "benchmarks/soak.py --minutes 30 --mailings 200 --users 20 --failing 10%",
    ),
    "N17": Promise(
        "100,000 rows are imported in 30 s and 100 MB; hostile files are refused in "
        "words",
        "benchmarks/imports.py --rows 100000 --within 30",
    ),
    "N18": Promise(
        "Everybody sees what is theirs and no more; no secret is told; no page breaks "
        "its policy",
        selection_of(
            "tests/access",
            "tests/mailsvc/test_secrets.py",
            "tests/mailsvc/test_security.py",
            "tests/mailsvc/test_checks.py",
            "tests/browser/test_policy.py",
        ),
    ),
}


def run(promise: Promise) -> tuple[bool, str]:
    """Is it kept, and the last line of what the command said."""
    done = subprocess.run(
        promise.arguments, cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = done.stdout.strip().splitlines() or [f"exit code {done.returncode}"]
    if done.returncode:
        print(done.stdout[-4_000:], done.stderr[-4_000:], file=sys.stderr)
    return done.returncode == 0, lines[-1].strip("= ")


def measured(page: str) -> dict[str, str]:
    """What the table in the page says of each promise."""
    table = page.partition(BEGIN)[2].partition(END)[0]
    rows = re.findall(r"^\| (N\d+) \| .+ \| (.+) \| `.+` \|$", table, re.MULTILINE)
    return dict(rows)


def written(page: str, news: dict[str, str]) -> str:
    """The page with these figures, and the others as they were."""
    figures = measured(page) | news
    rows = "".join(
        f"| {name} | {promise.words} | {figures.get(name, NOT_RUN)} | "
        f"`python {promise.command}` |\n"
        for name, promise in PROMISES.items()
    )
    head = "| | Promise | Measured | Command |\n|---|---|---|---|\n"
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{head}{rows}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="N1", help="default: all")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.names) - PROMISES.keys():
        parser.error(f"no such promise: {', '.join(sorted(unknown))}")
    kept, news = True, {}
    for name in options.names or PROMISES:
        promise = PROMISES[name]
        if options.list:
            print(f"{name}: {promise.words}\n    python {promise.command}")
            continue
        began = time.monotonic()
        good, news[name] = run(promise)
        kept &= good
        took = time.monotonic() - began
        verdict = "kept" if good else "BROKEN"
        print(f"{name} {verdict} ({took:.0f} s): {news[name]}", flush=True)
    if options.write:
        PAGE.write_text(written(PAGE.read_text(), news))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
