"""
Do people notice on their pages that the mail server hangs?

    python benchmarks/hanging.py --rounds 60

Two installations run side by side, each with a web server and a worker. In one, all
connections of the worker wait for a mail server that took a message and says nothing;
in the other there is nothing to send. Ten pages of both are asked for in turn by a few
people at once, so that whatever else the machine does disturbs both alike.

One line of figures; exit code 1 if the 95th percentile with the hang is more than 1.2
times that without, a page fails, or the hang was none. Needs Linux.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import installation  # noqa: E402
from benchmarks.places import free_port  # noqa: E402
from tests.support import processes  # noqa: E402
from tests.support.smtp_server import SmtpProcess  # noqa: E402

TIMES = 1.2
LIMIT = 300.0  # ms, where the machine is quiet enough for TIMES of the idle one
PAGES = (
    *("/mailings/", "/mailings/1/", "/mailings/new/", "/runs/", "/runs/1/"),
    *("/runs/1/live/", "/clients/", "/messages/", "/reports/", "/reports/mailings/1/"),
)
CONNECTIONS = 8


@dataclass
class Side:
    """One installation."""

    name: str
    mail: SmtpProcess
    port: int
    cookie: str
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    bad: list[str] = field(default_factory=list)

    @property
    def p95(self) -> float:
        return percentile([each for times in self.times.values() for each in times])

    @property
    def connections(self) -> int:
        return processes.connections_to(self.mail.port)


def percentile(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[18]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=60, help="of all ten pages")
    parser.add_argument("--people", type=int, default=4, help="at once")
    parser.add_argument(
        "--prepare", choices=["hanging", "idle"], help=argparse.SUPPRESS
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.prepare:
        return prepare(options.prepare)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mailsvc-"))
        sides = [
            begin(name, Path(folder) / name, stack) for name in ("hanging", "idle")
        ]
        hanging, idle = sides
        wait_for_the_hang(hanging)
        look(sides, rounds=2, people=options.people)  # everything is loaded
        for side in sides:
            side.times.clear()
        before = hanging.connections
        look(sides, rounds=options.rounds, people=options.people)
        connections = min(before, hanging.connections)
    times = hanging.p95 / idle.p95
    bad = hanging.bad + idle.bad
    good = (
        times <= TIMES
        and not bad
        and connections >= CONNECTIONS
        and (hanging.p95 <= LIMIT or TIMES * idle.p95 > LIMIT)
    )
    asked = sum(map(len, hanging.times.values()))
    print(
        f"{'good' if good else 'BAD'}: p95 of {len(PAGES)} pages {hanging.p95:.0f} ms "
        f"while {connections} connections hang, {idle.p95:.0f} ms while nothing is "
        f"sent: {times:.2f} times; {asked} answers each, {options.people} at once, "
        f"{len(bad)} failed"
    )
    for each in sorted(set(bad)):
        print(f"  {each}", file=sys.stderr)
    return 0 if good else 1


def begin(name: str, folder: Path, stack: ExitStack) -> Side:
    folder.mkdir()
    mail = stack.enter_context(SmtpProcess(folder / "taken.txt", moods=("hang",)))
    env = installation.environment(
        folder, "", mail.port, settings="mailsvc.settings", DELIVERY_PUMPS="1"
    )
    done = subprocess.run(
        [sys.executable, __file__, "--prepare", name],
        env=env,
        cwd=ROOT,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    port = free_port()
    for actor in (
        installation.worker(env, folder / "worker.log"),
        installation.web(env, folder / "web.log", port),
    ):
        actor.keep_alive()
        stack.callback(actor.end)
    installation.wait_for_web(port)
    return Side(name, mail, port, done.stdout.splitlines()[-1])


def prepare(name: str) -> int:
    """In a process of its own: the data. Prints the cookie of who looks at it."""
    import django  # noqa: PLC0415 - knows one database

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - needs set-up
    from django.utils import timezone  # noqa: PLC0415

    from mailings import lifecycle  # noqa: PLC0415
    from mailings.models import Client, Mailing, Message, Run  # noqa: PLC0415
    from users.models import User  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    owner = User.objects.create_user("owner@example.com", "not signed in with")
    Client.objects.bulk_create(
        # At several domains: one alone does not get all connections.
        Client(owner=owner, email=f"c{n}+hang@d{n % 9}.example.com", full_name=f"C {n}")
        for n in range(500)
    )
    mailing = Mailing.objects.create(
        owner=owner,
        message=Message.objects.create(owner=owner, subject="Hi", body="{{ email }}"),
        all_clients=True,
        start_at=timezone.now(),
        end_at=timezone.now() + timedelta(days=1),
    )
    lifecycle.send_now(mailing, now=timezone.now())
    if name == "idle":  # the same pages, and nothing to send
        lifecycle.pause(mailing, by=owner)
    assert Run.objects.count() == 1
    print(installation.signed_in(owner))
    return 0


def wait_for_the_hang(side: Side) -> None:
    deadline = time.monotonic() + 60
    while side.connections < CONNECTIONS:
        if time.monotonic() > deadline:
            raise RuntimeError("the worker does not send")
        time.sleep(0.2)


def look(sides: list[Side], *, rounds: int, people: int) -> None:
    """Several people at once, each on both sides in turn."""
    work = PAGES * -(-rounds // people)
    each = [
        threading.Thread(target=_look, args=(sides, work, random.Random(number)))  # noqa: S311
        for number in range(people)
    ]
    for thread in each:
        thread.start()
    for thread in each:
        thread.join()


def _look(sides: list[Side], work: tuple[str, ...], chance: random.Random) -> None:
    visitors = [installation.Visitor(side.port, side.cookie) for side in sides]
    pairs = list(zip(sides, visitors, strict=True))
    for page in chance.sample(work, len(work)):
        chance.shuffle(pairs)
        for side, visitor in pairs:
            visit = visitor.get(page)
            side.times[page].append(visit.milliseconds)
            if visit.status != 200:
                side.bad.append(f"{side.name}: {page} {visit.status}")


if __name__ == "__main__":
    sys.exit(main())
