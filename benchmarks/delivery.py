"""
How fast is mail handed over? mailsvc beside its peers, on the same work, in one run.

    python benchmarks/delivery.py --all          # every table of docs/performance.md
    python benchmarks/delivery.py --recipients 10000 --repeats 5
    python benchmarks/delivery.py --latency-ms 20 --only mailsvc,smtp-source

Starts everything itself (a private PostgreSQL cluster or an SQLite file, a mail server
that takes everything, workers, the peers in a virtual environment of their own), takes
the systems in turn, and prints one table. What is not installed here is left out, and
said so. docs/performance.md says what the figures mean.
"""

import argparse
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import meter
from benchmarks.ours import Ours
from benchmarks.peers import PEERS, Peer, environment
from benchmarks.places import PostgresPlace, SqlitePlace, place
from benchmarks.results import Result, table
from benchmarks.servers import mail_server, tool
from benchmarks.smtp_source import SmtpSource, compare_sinks

YARDSTICKS = ("naive", "django-post_office", "smtp-source")
_LIMIT = 3600.0  # seconds for one system to do the work
_FEW = 200  # messages, for who has one connection and a long way to go


class System(Protocol):
    name: str
    recipients: int

    def prepare(self) -> None: ...
    def run(self, port: int, *, limit: float) -> Result: ...


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipients", type=int, default=10_000, metavar="N")
    parser.add_argument(
        "--latency-ms", type=float, default=0, help="round trip to the mail server"
    )
    parser.add_argument("--db", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--connections", type=int, default=16, help="altogether")
    parser.add_argument(
        "--workers", default="1,2", help="numbers of our workers, like 1,2"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--only",
        default="",
        help=f"of mailsvc, smtp-source, {', '.join(PEERS)}; with commas",
    )
    parser.add_argument(
        "--no-pipelining",
        action="store_true",
        help="the mail server does not announce PIPELINING",
    )
    parser.add_argument(
        "--check-sink",
        action="store_true",
        help="measure nothing but how fast the mail servers take mail in",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="the tables of docs/performance.md, one after the other: about 20 minutes",
    )
    return parser.parse_args()


def scenarios(chosen: argparse.Namespace) -> Iterator[argparse.Namespace]:
    """What is measured; as many messages as take about half a minute of lock-step."""
    if not chosen.all:
        yield chosen
        return
    few = {"only": "mailsvc,smtp-source"}
    for changes in (
        {"recipients": 10_000},
        {"recipients": 5_000, "latency_ms": 20.0, "workers": "1", **few},
        {
            "recipients": 1_500,
            "latency_ms": 20.0,
            "workers": "1",
            "only": "mailsvc,django-post_office",
        },
        {"recipients": 1_200, "latency_ms": 100.0, "workers": "1", **few},
        {
            "recipients": 800,
            "latency_ms": 100.0,
            "workers": "1",
            **few,
            "no_pipelining": True,
        },
        {
            "recipients": 10_000,
            "workers": "1",
            "db": "sqlite",
            "only": "mailsvc,smtp-source,django-post_office",
        },
    ):
        yield argparse.Namespace(**{**vars(chosen), **changes})


def systems(
    chosen: argparse.Namespace, where: PostgresPlace | SqlitePlace, directory: Path
) -> Iterator[System]:
    """Those that were asked for and can be had."""
    wanted = set(chosen.only.split(",")) if chosen.only else None
    if wanted is None or "smtp-source" in wanted:
        if tool("smtp-source"):
            yield SmtpSource(chosen.recipients, chosen.connections)
        else:
            print("smtp-source (Debian's postfix) is not here and is left out.")
    names = [name for name in PEERS if wanted is None or name in wanted]
    if names:
        python = environment(Path(tempfile.gettempdir()))
        for name in names:
            is_far = chosen.latency_ms > 0
            is_slow = is_far and PEERS[name].connections == 1
            yield Peer(
                name,
                where,
                directory,
                python,
                min(chosen.recipients, _FEW) if is_slow else chosen.recipients,
                chosen.connections,
                is_far,
            )
    if wanted is None or "mailsvc" in wanted:
        for workers in map(int, chosen.workers.split(",")):
            yield Ours(where, directory, chosen.recipients, chosen.connections, workers)


def measured(system: System, chosen: argparse.Namespace) -> Result:
    """One run. It counts only if the mail server got all there was."""
    with mail_server(
        delay_ms=chosen.latency_ms, pipelining=not chosen.no_pipelining
    ) as server:
        before = meter.cpu_seconds([server.pid])
        result = system.run(server.port, limit=_LIMIT)
        cpu = meter.cpu_seconds([server.pid]) - before
        counted = server.end()
    wrong = {counted.messages, counted.recipients or counted.messages}
    if system.name == "smtp-source":  # one recipient for all of its messages
        wrong = {counted.messages}
    if wrong != {system.recipients}:
        raise RuntimeError(f"{system.name}: the mail server got {counted}")
    return replace(result, server_busy=cpu / result.seconds)


def measure(chosen: argparse.Namespace) -> None:
    """Everybody in turn, and a table."""
    with (
        tempfile.TemporaryDirectory(prefix="mailsvc-bench-") as scratch,
        place(chosen.db, Path(scratch)) as where,
    ):
        directory = Path(scratch)
        competitors = list(systems(chosen, where, directory))
        for system in competitors:
            system.prepare()
        results = []
        for repeat in range(chosen.repeats):
            for system in competitors:
                results.append(measured(system, chosen))
                print(
                    f"{repeat + 1}/{chosen.repeats} {system.name}: "
                    f"{results[-1].rate:,.0f} msg/s",
                    file=sys.stderr,
                )
    with mail_server(delay_ms=chosen.latency_ms, pipelining=True) as server:
        print(
            f"\n{chosen.db}, {chosen.connections} connections, round trip "
            f"{chosen.latency_ms:g} ms, {server.name}"
            f"{', no PIPELINING' if chosen.no_pipelining else ''}; medians of "
            f"{chosen.repeats}; Python {platform.python_version()}\n"
        )
    print(table(results, YARDSTICKS), flush=True)
    for system in competitors:
        if isinstance(system, Ours) and chosen.db == "postgres":
            waits, deadlocks = map(sum, zip(*system.lock_waits, strict=True))
            print(
                f"\n{system.name}: {waits} waits for a lock of more than 100 ms, "
                f"{deadlocks} deadlocks in {chosen.repeats} runs",
                flush=True,
            )


def main() -> None:
    chosen = options()
    if chosen.check_sink or chosen.all:
        print(compare_sinks(chosen.recipients, chosen.repeats), flush=True)
    if not chosen.check_sink:
        for each in scenarios(chosen):
            measure(each)


if __name__ == "__main__":
    main()
