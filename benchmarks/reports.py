#!/usr/bin/env python
"""
How fast are the reports with ten million attempts?

    python benchmarks/reports.py --grow

fills a PostgreSQL database of its own with mailings, runs and attempts and asks for
each page as a browser does, without the network: through all of Django, 50 times with
an empty cache and 50 times with a warm one. Beside them stands a naive page that counts
attempts by GROUP BY. Exits with 1 if a goal is missed, and says which.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import postgres  # noqa: E402 - from wherever it is called
from benchmarks.report_pages import HOST, Page, all_pages  # noqa: E402

# The goals.
QUERIES = 10
COLD_P95, WARM_P95, UNCHANGED = 100.0, 25.0, 5.0  # ms
TIMES_NAIVE = 100
GROWTH = 1.2  # from a tenth of the attempts to all of them
NOISE = 1.0  # ms by which a median may differ for no reason
_FEWEST = 100  # mailings: two of each of the 50 owners that `filling` makes


@dataclass
class Figures:
    """Of one page: medians and 95th percentiles in ms."""

    page: str
    status: int
    queries: int
    cold_sql: float
    cold: float
    cold_p95: float
    cold_cpu: float  # of Python: hardly changed by what else the machine does
    warm_queries: int
    warm_sql: float
    warm: float
    warm_p95: float
    warm_cpu: float


# --- One size: in a process of its own, as Django knows one database ---


class Meter:
    """Counts statements and their time, around everything that Django asks."""

    def __init__(self) -> None:
        self.queries, self.seconds = 0, 0.0

    def __call__(self, execute: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self.seconds += time.perf_counter() - began
            self.queries += 1


class Asked(NamedTuple):
    """What one answer took, in ms."""

    queries: int
    sql: float
    total: float
    cpu: float


def measure(options: argparse.Namespace) -> dict[str, Any]:
    import django  # noqa: PLC0415 - the environment is set before

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from benchmarks import filling  # noqa: PLC0415

    with redirect_stdout(sys.stderr):
        call_command("collectstatic", interactive=False, verbosity=0)
        call_command("migrate", interactive=False, verbosity=0)
        began = time.monotonic()
        size = filling.Size(options.mailings, options.runs, options.attempts)
        filling.fill(size)
        filling.check()
    filled = time.monotonic() - began
    say(f"{size.attempts:,} attempts written and checked in {filled:.0f} s")
    pages = list(all_pages())
    cold = rounds(pages, options.repeats, before=empty_cache)
    for page in pages:
        page.ask()
    warm = rounds(pages, options.repeats, before=lambda: None)
    figures = [
        asdict(Figures(page.name, page.status, *summary(cold[n]), *summary(warm[n])))
        for n, page in enumerate(pages)
    ]
    return {"size": size._asdict(), "pages": figures, "naive": naive()}


def rounds(
    pages: list[Page], repeats: int, before: Callable[[], None]
) -> list[list[Asked]]:
    """
    What each page took, each time.

    All pages in turn: what disturbs the machine for a moment disturbs all of them.
    """
    from django.db import connection  # noqa: PLC0415

    found: list[list[Asked]] = [[] for _ in pages]
    for number in range(repeats + 2):
        for place, page in enumerate(pages):
            before()
            meter = Meter()
            began, began_cpu = time.perf_counter(), time.process_time()
            with connection.execute_wrapper(meter):
                page.ask()
            total = 1000 * (time.perf_counter() - began)
            cpu = 1000 * (time.process_time() - began_cpu)
            if number >= 2:  # the first ones compile templates
                one = Asked(meter.queries, 1000 * meter.seconds, total, cpu)
                found[place].append(one)
    return found


def summary(asked: list[Asked]) -> tuple[int, float, float, float, float]:
    totals = [one.total for one in asked]
    return (
        max(one.queries for one in asked),
        statistics.median(one.sql for one in asked),
        statistics.median(totals),
        sorted(totals)[max(0, round(0.95 * len(totals)) - 1)],
        statistics.median(one.cpu for one in asked),
    )


def empty_cache() -> None:
    """Only what is ours: `clear` would empty the whole of a Redis database."""
    from django.core.cache import cache  # noqa: PLC0415

    if hasattr(cache, "delete_pattern"):
        cache.delete_pattern("*", itersize=1_000)
    else:
        cache.clear()


def naive() -> float:
    """Median ms of the page that most would write: attempts, counted by mailing."""
    from django.db.models import Count, Max, Q  # noqa: PLC0415

    from mailings.models import Attempt  # noqa: PLC0415

    outcomes = ("accepted", "refused", "deferred", "unknown")
    page = (
        Attempt.objects.order_by()
        .values("run__mailing", "run__mailing__title")
        .annotate(
            n=Count("pk"),
            last=Max("started_at"),
            **{name: Count("pk", filter=Q(outcome=name)) for name in outcomes},
        )
    )
    times = []
    for _ in range(3):
        began = time.perf_counter()
        list(page.all())  # anew each time
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


# --- All sizes, and the verdict ---


def main() -> int:
    options = arguments()
    if options.measure:
        Path(options.measure).write_text(json.dumps(measure(options)))
        return 0
    postgres.stop_cleanly()
    sizes = [options.attempts // 10] if options.grow else []
    try:
        with postgres.server(options.database_url) as server:
            say(f"PostgreSQL {postgres.version(server)}, {os.cpu_count()} cores")
            found = [
                in_a_process(options, server, size)
                for size in [*sizes, options.attempts]
            ]
    except postgres.NoPostgres as trouble:
        say(str(trouble))
        return 2
    for result in found:
        print_table(result)
    missed = [*goals_missed(found[-1]), *growth(found)]
    print()
    for line in missed or ["All goals are met."]:
        print(line)
    return 1 if missed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mailings", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--attempts", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument(
        "--grow", action="store_true", help="a tenth of the attempts first, to compare"
    )
    parser.add_argument(
        "--database-url",
        default=os.environ.get("DATABASE_URL", ""),
        help="a PostgreSQL server that may be given a new database; without it (and "
        "DATABASE_URL) a server is started, and stopped in the end",
    )
    parser.add_argument(
        "--cache-url",
        default=os.environ.get("CACHE_URL", ""),
        help="Redis; without it (and CACHE_URL) a cache in files",
    )
    parser.add_argument("--measure", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.runs % options.mailings or options.mailings % 10:
        parser.error("--runs must be a multiple of --mailings, and that of 10")
    if options.mailings < _FEWEST:
        parser.error(f"--mailings must be {_FEWEST} at least: two per owner")
    return options


def in_a_process(
    options: argparse.Namespace, server: str, attempts: int
) -> dict[str, Any]:
    with surroundings(options, server) as (folder, environment):
        result = folder / "result.json"
        subprocess.run(
            [
                *(sys.executable, __file__, "--measure", str(result)),
                *("--mailings", str(options.mailings), "--runs", str(options.runs)),
                *("--attempts", str(attempts), "--repeats", str(options.repeats)),
            ],
            env=environment,
            check=True,
        )
        found: dict[str, Any] = json.loads(result.read_text())
        return found


@contextmanager
def surroundings(
    options: argparse.Namespace, server: str
) -> Iterator[tuple[Path, dict[str, str]]]:
    """A directory, a database and a cache of one's own; SQLite if no server."""
    with (
        tempfile.TemporaryDirectory(prefix="mailsvc-benchmark-") as name,
        postgres.database(server)
        if server
        else nullcontext(f"sqlite:///{name}/db.sqlite3") as url,
    ):
        cache = options.cache_url
        sign = "&" if "?" in cache else "?"
        yield (
            Path(name),
            {
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "mailsvc.settings",
                "VAR_DIR": name,
                "DATABASE_URL": url,
                "CACHE_URL": f"{cache}{sign}key_prefix=benchmark-{os.getpid()}"
                if cache
                else f"filecache://{name}/cache",
                "DEBUG": "false",
                "SITE_URL": f"http://{HOST}:8000",
                "ALLOWED_HOSTS": HOST,
                "EMAIL_URL": f"smtp://{HOST}:1",  # nothing is sent
            },
        )


def print_table(result: dict[str, Any]) -> None:
    size = result["size"]
    print(
        f"\n{size['mailings']:,} mailings, {size['runs']:,} runs, "
        f"{size['attempts']:,} attempts; times in ms\n"
    )
    heads = f"{'queries':>8}{'SQL':>7}{'median':>8}{'p95':>8}{'CPU':>7}"
    print(f"{'':24}{'empty cache':>38}{'warm cache':>38}")
    print(f"{'page':24}{heads}{heads}")
    for page in (Figures(**each) for each in result["pages"]):
        print(
            f"{page.page:24}{page.queries:8}{page.cold_sql:7.1f}{page.cold:8.1f}"
            f"{page.cold_p95:8.1f}{page.cold_cpu:7.1f}{page.warm_queries:8}"
            f"{page.warm_sql:7.1f}{page.warm:8.1f}{page.warm_p95:8.1f}"
            f"{page.warm_cpu:7.1f}"
        )
    print(f"{'naive: COUNT, GROUP BY':24}{1:8}{'':7}{result['naive']:8.1f}")


def goals_missed(result: dict[str, Any]) -> Iterator[str]:
    pages = [Figures(**each) for each in result["pages"]]
    for page in pages:
        name = page.page.strip()
        if page.queries > QUERIES:
            yield f"{name}: {page.queries} queries, not {QUERIES} at most"
        for kind, value, goal in (
            ("cold", page.cold_p95, COLD_P95),
            ("warm", page.warm_p95, WARM_P95),
        ):
            limit = UNCHANGED if page.status == 304 and kind == "warm" else goal
            if value > limit:
                yield f"{name}: p95 {kind} {value:.1f} ms, not {limit:.0f} at most"
    times = result["naive"] / pages[0].warm
    print(f"\nThe overview is {times:.0f} times as fast as the naive page.")
    if times < TIMES_NAIVE:
        yield f"the overview is not {TIMES_NAIVE} times as fast as the naive page"


def growth(found: list[dict[str, Any]]) -> Iterator[str]:
    if len(found) < 2:
        return
    small, large = ([Figures(**page) for page in each["pages"]] for each in found)
    worst = 0.0
    for before, after in zip(small, large, strict=True):
        for kind in ("cold", "warm"):
            first, second = getattr(before, kind), getattr(after, kind)
            worst = max(worst, second / first if second - first > NOISE else 0.0)
            if second > GROWTH * first and second - first > NOISE:
                yield (
                    f"{after.page.strip()}: {kind} {first:.1f} ms with a tenth of the"
                    f" attempts, {second:.1f} with all"
                )
    print(f"From a tenth of the attempts to all: {max(worst, 1.0):.2f} times at most.")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
