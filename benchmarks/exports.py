#!/usr/bin/env python
"""
How much memory does a file of a million rows take?

    python benchmarks/exports.py

fills a database with one run of a million attempts and lets a process of its own make
each file, as the page does. Prints rows, bytes, seconds and the peak of that process's
memory (its resident set), beside what Django takes before it begins. Exits with 1 if a
peak is above the goal. Databases as for benchmarks/reports.py.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import postgres  # noqa: E402 - from wherever it is called
from benchmarks.reports import HOST, surroundings  # noqa: E402

GOAL = 150  # MB
# Tables that may have as many rows as there are deliveries.
TABLES = {
    "deliveries of a run": "/runs/1/",
    "attempts of a run": "/reports/runs/1/attempts/",
}


def main() -> int:
    options = arguments()
    if options.step:
        print(json.dumps(fill(options) if options.step == "fill" else make(options)))
        return 0
    try:
        with (
            postgres.server(options.database_url) as url,
            surroundings(options, url) as (_, environment),
        ):
            in_a_process("fill", options, environment)
            found = [
                {"table": name, "kind": kind}
                | in_a_process(f"{address}?export={kind}", options, environment)
                for name, address in TABLES.items()
                for kind in ("csv", "xlsx")
            ]
    except postgres.NoPostgres as trouble:
        print(trouble, file=sys.stderr)
        return 2
    print(
        f"{'table':22}{'kind':6}{'rows':>10}{'MB':>7}{'s':>6}"
        f"{'at first':>10}{'peak':>8}"
    )
    for one in found:
        print(
            f"{one['table']:22}{one['kind']:6}{one['rows']:10,}{one['size']:7.0f}"
            f"{one['seconds']:6.0f}{one['before']:10.0f}{one['peak']:8.0f}"
        )
    missed = max(one["peak"] for one in found) > GOAL
    print(f"\nThe goal, {GOAL} MB at most, is {'missed' if missed else 'met'}.")
    return int(missed)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--attempts", type=int, default=1_000_000)
    parser.add_argument("--database-url", default=os.environ.get("DATABASE_URL", ""))
    parser.add_argument("--cache-url", default="", help=argparse.SUPPRESS)
    parser.add_argument("--step", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


def in_a_process(
    step: str, options: argparse.Namespace, environment: dict[str, str]
) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--step", step, "--attempts", str(options.attempts)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def fill(options: argparse.Namespace) -> dict[str, Any]:
    import django  # noqa: PLC0415 - the environment is set before

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from benchmarks import filling  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    filling.fill(filling.Size(1, 1, options.attempts))
    return {}


def make(options: argparse.Namespace) -> dict[str, Any]:
    """Writes the file nowhere, but to its end."""
    import django  # noqa: PLC0415

    django.setup()
    from django.conf import settings  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from mailings.models import Run  # noqa: PLC0415

    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    run = Run.objects.get()
    client = Client()
    client.force_login(run.mailing.owner)
    client.get("/", headers={"host": HOST})
    before, began = memory(), time.monotonic()
    answer: Any = client.get(options.step, headers={"host": HOST})
    size = sum(map(len, answer.streaming_content))
    return {
        "rows": run.attempts if "/attempts/" in options.step else run.planned,
        "size": size / 1e6,
        "seconds": time.monotonic() - began,
        "before": before,
        "peak": memory(),
    }


def memory() -> float:
    """The peak so far in MB; Linux counts in kB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    sys.exit(main())
