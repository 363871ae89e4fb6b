"""
Does a mailing to few wait for one to very many, at a domain that crawls?

    python benchmarks/fairness.py --many 200000 --db postgres

A whole installation: one owner writes to many people at a domain that takes two seconds
for each message, another one to fifty elsewhere; first alone and then, several times,
while the large mailing is planned and sent.

One line of figures; exit code 1 if a small one took 5 seconds more than without the
large one, somebody got it twice or not at all, or the large one was not under way.
Needs Linux; PostgreSQL needs its server's programs.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import installation  # noqa: E402
from tests.support.postgres import Postgres, why_not  # noqa: E402
from tests.support.smtp_server import SmtpProcess  # noqa: E402

FEW = 50
LIMIT = 5.0  # seconds
PATIENCE = 300.0
MANY = "many@example.com"
OTHER = "few@example.com"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--many", type=int, default=200_000, help="recipients")
    parser.add_argument("--rounds", type=int, default=5, help="small mailings each way")
    parser.add_argument("--db", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.step:
        return as_part_of_it(options)
    if options.db == "postgres" and (why := why_not()):
        print(why, file=sys.stderr)
        return 1
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="mailsvc-"))
        )
        folder.chmod(0o755)  # PostgreSQL may have to run as another user
        postgres = (
            stack.enter_context(Postgres(folder)) if options.db == "postgres" else None
        )
        mail = stack.enter_context(SmtpProcess(folder / "taken.txt", moods=("crawl",)))
        env = installation.environment(
            folder,
            postgres.url if postgres else "",
            mail.port,
            settings="mailsvc.settings",
        )
        run_step("prepare", env, options)
        worker = installation.worker(env, folder / "worker.log")
        worker.keep_alive()
        stack.callback(worker.end)
        run_step("small", env, options)  # everything is loaded
        alone = [run_step("small", env, options) for _ in range(options.rounds)]
        run_step("large", env, options)
        beside = [run_step("small", env, options) for _ in range(options.rounds)]
        sent = run_step("progress", env, options)
        copies = Counter((folder / "taken.txt").read_text().split())
    usual = statistics.median(alone)
    late = max(beside) - usual
    doubled = [
        name
        for name, number in copies.items()
        if "few" in name and number != 2 * options.rounds + 1
    ]
    is_good = late < LIMIT and not doubled and 0 < sent < options.many
    print(
        f"{'good' if is_good else 'BAD'}: {options.db}, a mailing to {FEW} took "
        f"{usual:.1f} s alone and at most {max(beside):.1f} s beside one to "
        f"{options.many:,} of which {sent:,.0f} were done: {late:.1f} s more; "
        f"{options.rounds} of each, {len(doubled)} got it too often or too seldom"
    )
    return 0 if is_good else 1


def run_step(step: str, env: dict[str, str], options: argparse.Namespace) -> float:
    """In a process of its own, which knows the database. What it prints is a figure."""
    done = subprocess.run(
        [sys.executable, __file__, "--step", step, "--many", str(options.many)],
        env=env,
        cwd=ROOT,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    return float(done.stdout.split()[-1])


def as_part_of_it(options: argparse.Namespace) -> int:
    import django  # noqa: PLC0415 - knows one database

    django.setup()
    print(STEPS[options.step](options.many))
    return 0


def prepare(many: int) -> float:
    from django.core.management import call_command  # noqa: PLC0415 - needs set-up

    from mailings.models import Client  # noqa: PLC0415
    from users.models import User  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    for email, number, address in (
        (MANY, many, "c{}+crawl@crawling.example.com"),
        (OTHER, FEW, "few{}@example.com"),
    ):
        owner = User.objects.create_user(email, "not signed in with")
        rows = (Client(owner=owner, email=address.format(n)) for n in range(number))
        Client.objects.bulk_create(rows, batch_size=5_000)
    return 0


def large(_many: int) -> float:
    """Begins it, and waits until it is being sent; it is still being planned then."""
    run = begun(MANY)
    while run.accepted == 0:
        wait()
        run.refresh_from_db()
    return 0


def small(_many: int) -> float:
    """Seconds until all have it."""
    began = time.monotonic()
    run = begun(OTHER)
    while run.accepted < FEW:
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"Given up: {run.ledger()}")
        wait()
        run.refresh_from_db()
    return time.monotonic() - began


def begun(email: str):  # type: ignore[no-untyped-def]
    """A new mailing's run, as by the button."""
    from django.utils import timezone  # noqa: PLC0415

    from mailings import lifecycle  # noqa: PLC0415
    from mailings.models import Mailing, Message  # noqa: PLC0415
    from users.models import User  # noqa: PLC0415

    owner = User.objects.get(email=email)
    now = timezone.now()
    mailing = Mailing.objects.create(
        owner=owner,
        message=Message.objects.create(owner=owner, subject="Hi", body="{{ email }}"),
        all_clients=True,
        start_at=now,
        end_at=now + timedelta(days=30),
    )
    return lifecycle.send_soon(mailing, by=owner)


def progress(_many: int) -> float:
    from mailings.models import Run  # noqa: PLC0415

    run = Run.objects.get(mailing__owner__email=MANY)
    return run.accepted + run.refused


def wait() -> None:
    time.sleep(0.05)


STEPS = {"prepare": prepare, "small": small, "large": large, "progress": progress}


if __name__ == "__main__":
    sys.exit(main())
