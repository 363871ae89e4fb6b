"""
Two workers and the command line send one mailing, and everything goes wrong: processes
are killed and frozen, the mail server and the database go away. Then the mail server's
own ledger is held against the database.

    python benchmarks/chaos.py --recipients 20000 --kills 30 --seed 1 --db postgres

One line of figures; exit code 1 if anybody was lost or doubled, more are unknown than
connections were open at what was killed, frozen or restarted, or the books are wrong.
Nothing outside a temporary directory is touched. Needs Linux and, for PostgreSQL, its
server's programs.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

from benchmarks.installation import MANAGE, Actor, environment  # noqa: E402
from tests.support import processes  # noqa: E402
from tests.support.postgres import Postgres, why_not  # noqa: E402
from tests.support.smtp_server import SmtpProcess  # noqa: E402

SETTINGS = "tests.support.quick_settings"
LEASE = 5.0  # seconds; of these settings
STUCK = 240.0  # seconds without progress until it is given up

_Answer = TypeVar("_Answer")


@dataclass
class Chaos:
    """What is done to whom; `bound` counts the connections that were open there."""

    chance: random.Random
    actors: list[Actor]
    mail: SmtpProcess
    postgres: Postgres | None
    bound: int = 0
    done: Counter[str] = field(default_factory=Counter)

    def kill(self) -> None:
        """kill -9: of a whole worker, one process of it, or the command line."""
        victims = self._victims()
        processes.send(signal.SIGSTOP, victims)
        self.bound += processes.connections_to(self.mail.port, victims)
        processes.kill(victims)

    def freeze(self) -> None:
        """Longer than a lease lasts: others take over, then it wakes up."""
        victims = self._victims()
        processes.send(signal.SIGSTOP, victims)
        self.bound += processes.connections_to(self.mail.port, victims)
        time.sleep(LEASE + 2 + self.chance.random())
        processes.send(signal.SIGCONT, victims)

    def silence(self) -> None:
        """The mail server is away for a moment; replies are lost with it."""
        self.bound += processes.connections_to(self.mail.port)
        self.mail.stop()
        time.sleep(self.chance.uniform(0.2, 2))
        self.mail.start()

    def restart(self) -> None:
        """The database crashes, and comes back at once or a little later."""
        if self.postgres is None:
            raise RuntimeError("only a PostgreSQL of our own is restarted")
        self.postgres.stop()
        time.sleep(self.chance.choice([0.0, 0.0, 3.0]))
        self.postgres.start()

    def _victims(self) -> list[int]:
        actor = self.chance.choice([each for each in self.actors if each.family])
        family = actor.family
        if len(family) > 1 and self.chance.random() < 0.5:
            return processes.family(self.chance.choice(family[1:]))
        return family


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--recipients", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--freezes", type=int, help="default: a fifth of the kills")
    parser.add_argument("--outages", type=int, help="of the mail server: a tenth")
    parser.add_argument("--restarts", type=int, help="of PostgreSQL: a fifth")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--db", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--delay-ms", type=float, default=5.0, help="per message")
    parser.add_argument("--keep", type=Path, help="where to leave the logs")
    options = parser.parse_args()
    for name, part in (("freezes", 5), ("outages", 10), ("restarts", 5)):
        if getattr(options, name) is None:
            setattr(options, name, max(1, options.kills // part))
    if options.db == "sqlite":
        options.restarts = 0
    elif words := why_not():
        parser.error(words)
    return options


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and leave nothing behind
    with ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="mailsvc-chaos-")
        folder = Path(stack.enter_context(temporary))
        folder.chmod(0o755)  # PostgreSQL may have to run as another user
        postgres = (
            stack.enter_context(Postgres(folder)) if options.db == "postgres" else None
        )
        mail = SmtpProcess(folder / "taken.txt", delay_ms=options.delay_ms)
        stack.enter_context(mail)
        url = postgres.url if postgres else ""
        env = environment(folder, url, mail.port, settings=SETTINGS)
        os.environ.update(env)
        django.setup()
        began = time.monotonic()
        run_id = prepare(options.recipients)
        logs = options.keep or folder
        logs.mkdir(parents=True, exist_ok=True)
        actors = [
            Actor([*MANAGE, *words], env, logs / f"{name}.log")
            for name, words in {
                "worker-1": ["qcluster", "--grace", "20"],
                "worker-2": ["qcluster", "--grace", "20"],
                "command": ["send_mailing", "1", "--wait"],
            }.items()
        ]
        for actor in actors:
            stack.callback(actor.end)
        chaos = Chaos(random.Random(options.seed), actors, mail, postgres)  # noqa: S311
        in_time = rage(options, chaos, run_id)
        for actor in actors:
            actor.end()
        figures, good = judge(run_id, chaos)
    took = time.monotonic() - began
    verdict = "good" if good and in_time else "BAD"
    faults = ", ".join(f"{n} {name}" for name, n in sorted(chaos.done.items()))
    print(
        f"{verdict}: {options.db}, seed {options.seed}, {options.recipients} "
        f"recipients, {faults}: {figures}, {took:.0f} s"
    )
    return 0 if verdict == "good" else 1


def prepare(recipients: int) -> int:
    """A mailing to so many, due now. Returns its run's number."""
    from django.core.management import call_command  # noqa: PLC0415 - needs set-up
    from django.utils import timezone  # noqa: PLC0415

    from mailings import lifecycle  # noqa: PLC0415
    from mailings.models import Client, Mailing, Message  # noqa: PLC0415
    from users.models import User  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    owner = User.objects.create_user("owner@example.com", "not to be signed in with")
    Client.objects.bulk_create(
        (
            Client(owner=owner, email=f"c{n}@example.com", full_name=f"Client {n}")
            for n in range(recipients)
        ),
        batch_size=2_000,
    )
    message = Message.objects.create(owner=owner, subject="Hi", body="{{ full_name }}")
    now = timezone.now()
    mailing = Mailing.objects.create(
        owner=owner,
        message=message,
        all_clients=True,
        start_at=now,
        end_at=now + timedelta(days=1),
    )
    run = lifecycle.send_now(mailing, now=now)
    if run is None:
        raise RuntimeError("there is nothing to send")
    return int(run.pk)


def rage(options: argparse.Namespace, chaos: Chaos, run_id: int) -> bool:
    """All faults, spread over the run; true if it comes to its end after them."""
    acts = (
        ["kill"] * options.kills
        + ["freeze"] * options.freezes
        + ["silence"] * options.outages
        + ["restart"] * options.restarts
    )
    chaos.chance.shuffle(acts)
    for number, act in enumerate(acts, start=1):
        share = options.recipients * number // (len(acts) + 1)
        if not wait(chaos, lambda n=share: len(chaos.mail.taken()) >= n):
            return False
        getattr(chaos, act)()
        chaos.done[act] += 1
    return wait(chaos, lambda: is_finished(run_id))


def wait(chaos: Chaos, condition: Callable[[], bool]) -> bool:
    """Keeps everybody alive until it is true; false if nothing moves any more."""
    moved_at, taken = time.monotonic(), -1
    while True:
        for actor in chaos.actors:
            actor.keep_alive()
        if condition():
            return True
        time.sleep(0.1)
        now, before = len(chaos.mail.taken()), taken
        if now != before:
            moved_at, taken = time.monotonic(), now
        if time.monotonic() - moved_at > STUCK:
            tell_where_all_are(chaos)
            return False


def tell_where_all_are(chaos: Chaos) -> None:
    """Into the logs (`--keep`), and who holds what."""
    from mailings.models import Delivery, Lease  # noqa: PLC0415 - needs set-up

    for actor in chaos.actors:
        processes.send(signal.SIGUSR1, actor.family)
    for lease in ask(lambda: list(Lease.objects.all())):
        held = Delivery.objects.filter(lease=lease).count()
        print(f"{lease}, until {lease.expires_at}: {held}", file=sys.stderr)


def is_finished(run_id: int) -> bool:
    from mailings.models import Run  # noqa: PLC0415 - needs set-up

    time.sleep(0.4)
    return ask(lambda: Run.objects.filter(pk=run_id, state="finished").exists())


def ask(question: Callable[[], _Answer]) -> _Answer:
    """Of the database, which may have been away."""
    from django.db import OperationalError, connection  # noqa: PLC0415 - needs set-up

    while True:
        try:
            return question()
        except OperationalError:
            connection.close()
            time.sleep(0.5)


def judge(run_id: int, chaos: Chaos) -> tuple[str, bool]:
    """The mail server's ledger against the database: figures, and are they good?"""
    from django.core.management import CommandError, call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from mailings.models import Run  # noqa: PLC0415 - needs set-up

    run: Any = ask(lambda: Run.objects.get(pk=run_id))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # autovacuum has not had the time
    states: dict[str, str] = dict(run.deliveries.values_list("email", "state"))
    taken = Counter(recipient for recipient, _ in chaos.mail.taken())
    by_state = {
        state: {email for email, each in states.items() if each == state}
        for state in {"accepted", "unknown", *states.values()}
    }
    accepted, unknown = by_state["accepted"], by_state["unknown"]
    lost = states.keys() - taken.keys() - unknown
    doubled = [email for email, copies in taken.items() if copies > 1]
    misjudged = (accepted - taken.keys()) | (taken.keys() - accepted - unknown)
    balanced = (
        run.planned
        == len(states)
        == sum(
            n for name, n in run.ledger().items() if name not in ("planned", "attempts")
        )
    )
    drift = True
    with suppress(CommandError), Path(os.devnull).open("w") as nowhere:
        call_command("verify_stats", stdout=nowhere, stderr=nowhere)
        drift = False
    figures = (
        f"accepted {len(accepted)}, lost {len(lost)}, doubled {len(doubled)}, "
        f"misjudged {len(misjudged)}, unknown {len(unknown)} of at most {chaos.bound}, "
        f"books {'balanced' if balanced else 'WRONG'}, "
        f"verify_stats {'FAILED' if drift else '0'}"
    )
    good = not (lost or doubled or misjudged or drift)
    others = run.planned - len(accepted) - len(unknown)
    return figures, (good and balanced and others == 0 and len(unknown) <= chaos.bound)


if __name__ == "__main__":
    sys.exit(main())
