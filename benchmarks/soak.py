"""
An installation that runs for half an hour: many users' mailings begin one after the
other, a mail server fails one message in ten, people look at their pages.

    python benchmarks/soak.py --minutes 30 --mailings 200 --users 20 --failing 10%

One line of figures; exit code 1 if the memory of a process grows (the last third of the
time needs more than 1.05 times the second), a mailing did not begin or not in time, an
alarm is missing or left over, anybody was lost or doubled, or the books are wrong.
Nothing outside a temporary directory is touched. Needs Linux.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

from benchmarks.installation import (  # noqa: E402
    Actor,
    Visitor,
    environment,
    signed_in,
    wait_for_web,
    web,
    worker,
)
from benchmarks.places import free_port, place  # noqa: E402
from tests.support.smtp_server import SmtpProcess  # noqa: E402

GROWTH = 1.05  # of memory, from the second third of the time to the last
LATE = 60.0  # seconds by which a mailing may begin too late
LOOK_EVERY = 5.0  # seconds between looks at the memory
PATIENCE = 240.0  # seconds for what is still waiting at the end
PAGES = ("/mailings/", "/runs/", "/clients/", "/reports/", "/messages/")


@dataclass
class Memory:
    """RSS in MB of each process at each look; by role, and by process."""

    samples: list[dict[str, float]] = field(default_factory=list)

    def look(self, actors: dict[str, Actor]) -> None:
        seen: dict[str, float] = defaultdict(float)
        for role, actor in actors.items():
            for pid in actor.family:
                if size := _rss(pid):
                    seen[f"{role} {pid}"] = size
                    seen[role] += size
        self.samples.append(seen)

    def growth(self) -> dict[str, tuple[float, float]]:
        """
        Who was there in both of the last two thirds, throughout -> median of each.

        A worker's process that has had its share of tasks is replaced: it counts
        in the sum of its role.
        """
        third = len(self.samples) // 3
        second, last = self.samples[third : 2 * third], self.samples[2 * third :]
        steady = [
            name
            for name in self.samples[-1]
            if all(name in sample for sample in second + last)
        ]
        return {
            name: (
                statistics.median(sample[name] for sample in second),
                statistics.median(sample[name] for sample in last),
            )
            for name in steady
        }


def _rss(pid: int) -> float:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20
    return 0.0


def share(text: str) -> float:
    value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError("a share, as 10% or 0.1")
    return value


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--mailings", type=int, default=200)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--clients", type=int, default=100, help="of each user")
    parser.add_argument("--failing", type=share, default=0.1, help="10%% by default")
    parser.add_argument("--db", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--keep", type=Path, help="where to leave the logs")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    with ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="mailsvc-soak-")
        folder = Path(stack.enter_context(temporary))
        where: Any = stack.enter_context(place(options.db, folder))
        mail = SmtpProcess(folder / "taken.txt", failing=options.failing, delay_ms=2)
        stack.enter_context(mail)
        env = environment(
            folder,
            where.create("soak"),
            mail.port,
            settings="tests.support.quick_settings",
        )
        os.environ.update(env)
        django.setup()
        cookies = prepare(options)
        logs = options.keep or folder
        logs.mkdir(parents=True, exist_ok=True)
        port = free_port()
        actors = {
            "worker": worker(env, logs / "worker.log"),
            "web": web(env, logs / "web.log", port),
        }
        for actor in actors.values():
            actor.keep_alive()
            stack.callback(actor.end)
        wait_for_web(port)
        memory, visits = soak(
            options, actors, [Visitor(port, cookie) for cookie in cookies]
        )
        for actor in actors.values():
            actor.end()
        faults, figures = judge(options, mail, memory, visits)
    print(f"{'BAD' if faults else 'good'}: {figures}")
    for fault in faults:
        print(f"  {fault}", file=sys.stderr)
    return 1 if faults else 0


def prepare(options: argparse.Namespace) -> list[str]:
    """
    Users with clients, and mailings whose starts are spread over nine tenths of the
    time; every second one repeats daily. Returns the users' cookies.
    """
    from django.core.management import call_command  # noqa: PLC0415 - needs set-up
    from django.utils import timezone  # noqa: PLC0415

    from mailings import lifecycle  # noqa: PLC0415
    from mailings.models import Client, Mailing, Message  # noqa: PLC0415
    from users.models import User  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    users, messages = [], []
    for number in range(options.users):
        user = User.objects.create_user(f"user{number}@example.com", "not signed in")
        users.append(user)
        Client.objects.bulk_create(
            Client(owner=user, email=f"u{number}c{n}@example.com", full_name=f"C {n}")
            for n in range(options.clients)
        )
        messages.append(
            Message.objects.create(owner=user, subject="Hi", body="{{ full_name }}")
        )
    begin = timezone.now() + timedelta(seconds=60)
    step = timedelta(minutes=options.minutes) * 0.9 / options.mailings
    for number in range(options.mailings):
        mailing = Mailing.objects.create(
            owner=users[number % len(users)],
            message=messages[number % len(users)],
            all_clients=True,
            start_at=begin + number * step,
            end_at=begin + timedelta(days=9),
            periodicity="daily" if number % 2 else "once",
        )
        lifecycle.launch(mailing, by=mailing.owner)
    return [signed_in(user) for user in users]


def soak(
    options: argparse.Namespace, actors: dict[str, Actor], visitors: list[Visitor]
) -> tuple[Memory, Counter[int]]:
    """Looks on, and at pages; until the time is over and nothing waits any more."""
    memory, visits = Memory(), Counter[int]()
    began = time.monotonic()
    looks = 0
    while time.monotonic() < began + 60 * options.minutes:
        path = PAGES[looks % len(PAGES)]
        visits[visitors[looks % len(visitors)].get(path).status] += 1
        looks += 1
        if time.monotonic() - began > LOOK_EVERY * (len(memory.samples) + 1):
            memory.look(actors)
        for actor in actors.values():
            actor.keep_alive()
        time.sleep(0.5)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and is_at_work():
        time.sleep(1)
    return memory, visits


def is_at_work() -> bool:
    """A mailing has not begun yet, or a run has not come to its end."""
    from mailings.models import Mailing, Run  # noqa: PLC0415 - needs set-up

    waiting = Mailing.objects.filter(runs=None) | Mailing.objects.filter(
        runs__in=Run.objects.unfinished()
    )
    return waiting.exists()


def judge(
    options: argparse.Namespace,
    mail: SmtpProcess,
    memory: Memory,
    visits: Counter[int],
) -> tuple[list[str], str]:
    """What is not as it should be, and all figures in one line."""
    from mailings.models import Attempt, Delivery, Run  # noqa: PLC0415 - needs set-up
    from tests.support.oracle import taken_by, wrongs  # noqa: PLC0415

    growth = memory.growth()
    faults = wrongs(taken_by(mail)) + wrong_alarms()
    faults += [
        f"{who}: {before:.1f} MB, then {after:.1f} MB"
        for who, (before, after) in growth.items()
        if after > GROWTH * before
    ]
    delays = late_starts()
    if len(delays) != options.mailings:
        faults.append(f"{options.mailings - len(delays)} mailings did not begin")
    latest = max(delays, default=0.0)
    if latest > LATE:
        faults.append(f"a mailing began {latest:.0f} s too late")
    if is_at_work():
        faults.append("not all runs have come to their end")
    unknown = Delivery.objects.filter(state="unknown").count()
    attempts = Attempt.objects.count()
    if unknown > options.failing * attempts:
        faults.append(f"{unknown} are unknown, more than the server has failed")
    if set(visits) - {200}:
        faults.append(f"pages: {dict(visits)}")
    accepted = Delivery.objects.filter(state="accepted").count()
    worst = max((after / before for before, after in growth.values()), default=0)
    sizes = ", ".join(f"{role} {growth[role][1]:.0f} MB" for role in ("web", "worker"))
    return faults, (
        f"{options.db}, {options.minutes:g} min: {options.mailings} mailings of "
        f"{options.users} users, {Run.objects.count()} runs, begun {latest:.1f} s "
        f"late at most, {attempts} attempts, accepted {accepted}, unknown {unknown}, "
        f"{sum(visits.values())} pages; memory in the last third at most {worst:.3f} "
        f"of the second ({sizes}; {len(growth)} figures); {len(faults)} faults"
    )


def late_starts() -> list[float]:
    """Seconds from the start that was asked for to the run, of each mailing."""
    from mailings.models import Mailing  # noqa: PLC0415 - needs set-up

    found = []
    for mailing in Mailing.objects.prefetch_related("runs"):
        runs = list(mailing.runs.all())
        if len(runs) == 1 and runs[0].scheduled_for == mailing.start_at:
            begun: datetime = runs[0].started_at
            found.append((begun - mailing.start_at).total_seconds())
    return found


def wrong_alarms() -> list[str]:
    """Each live mailing has one alarm, for its next occurrence; nobody else has one."""
    from django.utils import timezone  # noqa: PLC0415 - needs set-up
    from django_q.models import Schedule  # noqa: PLC0415

    from mailings import schedules  # noqa: PLC0415
    from mailings.models import Mailing  # noqa: PLC0415

    now = timezone.now()
    right = {
        (schedules.name_of(each), schedules.next_alarm(each, now))
        for each in Mailing.objects.live().filter(end_at__gt=now)
    }
    rows = Schedule.objects.filter(name__startswith="mailing:")
    found = Counter(rows.values_list("name", "next_run"))
    return [
        *(f"the alarm {each} is missing" for each in right - found.keys()),
        *(f"the alarm {each} is left over" for each in found.keys() - right),
        *(f"the alarm {each} is there twice" for each, n in found.items() if n > 1),
    ]


if __name__ == "__main__":
    sys.exit(main())
