"""
A worker is told to stop in the middle of its work, again and again.

    python benchmarks/stops.py --stops 100 --seed 1

One line of figures; exit code 1 if a stop lasts longer than the grace, half of them
more than five seconds, anybody was lost or doubled or is unknown, or the books are
wrong. Needs Linux.
"""

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

from benchmarks.installation import Actor, environment, worker  # noqa: E402
from tests.support.smtp_server import SmtpProcess  # noqa: E402

GRACE = 20.0  # seconds; as `installation.worker` has it
TYPICAL = 5.0
STUCK = 120.0  # seconds until a worker sends


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--delay-ms", type=float, default=100, help="per message")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    with ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="mailsvc-stops-")
        folder = Path(stack.enter_context(temporary))
        mail = SmtpProcess(folder / "taken.txt", delay_ms=options.delay_ms)
        stack.enter_context(mail)
        env = environment(folder, "", mail.port, settings="mailsvc.settings")
        os.environ.update(env)
        django.setup()
        prepare(1_000 * options.stops)
        actor = worker(env, folder / "worker.log")
        stack.callback(actor.end)
        chance = random.Random(options.seed)  # noqa: S311 - for a repeatable run
        times = [stop(actor, mail, chance) for _ in range(options.stops)]
        faults, unknown = judge(mail)
        taken = len(mail.taken())
    typical, longest = statistics.median(times), max(times)
    good = longest <= GRACE and typical <= TYPICAL and not faults and not unknown
    print(
        f"{'good' if good else 'BAD'}: {len(times)} stops while sending, half of them "
        f"within {typical:.1f} s, all within {longest:.1f} s; unknown {unknown}, "
        f"{taken} messages, {len(faults)} faults"
    )
    for fault in faults:
        print(f"  {fault}", file=sys.stderr)
    return 0 if good else 1


def prepare(recipients: int) -> None:
    """One mailing with more recipients than all of the time will do."""
    from django.core.management import call_command  # noqa: PLC0415 - needs set-up
    from django.utils import timezone  # noqa: PLC0415

    from mailings import lifecycle  # noqa: PLC0415
    from mailings.models import Client, Mailing, Message  # noqa: PLC0415
    from users.models import User  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    owner = User.objects.create_user("owner@example.com", "not signed in with")
    Client.objects.bulk_create(
        (
            Client(owner=owner, email=f"c{n}@example.com", full_name=f"Client {n}")
            for n in range(recipients)
        ),
        batch_size=2_000,
    )
    now = timezone.now()
    mailing = Mailing.objects.create(
        owner=owner,
        message=Message.objects.create(owner=owner, subject="Hi", body="{{ email }}"),
        all_clients=True,
        start_at=now,
        end_at=now + timedelta(days=1),
    )
    lifecycle.launch(mailing, by=owner)


def stop(actor: Actor, mail: SmtpProcess, chance: random.Random) -> float:
    """Starts the worker, waits until it sends, and stops it. Seconds of the stop."""
    actor.keep_alive()
    assert actor.process is not None
    enough, deadline = len(mail.taken()) + 1, time.monotonic() + STUCK
    while len(mail.taken()) < enough:
        if time.monotonic() > deadline:
            raise RuntimeError("the worker does not send")
        time.sleep(0.05)
    time.sleep(3 * chance.random())
    began = time.monotonic()
    actor.process.send_signal(chance.choice([signal.SIGTERM, signal.SIGINT]))
    actor.process.wait(STUCK)
    return time.monotonic() - began


def judge(mail: SmtpProcess) -> tuple[list[str], int]:
    from mailings.models import Delivery  # noqa: PLC0415 - needs set-up
    from tests.support.oracle import taken_by, wrongs  # noqa: PLC0415

    unknown = Delivery.objects.filter(state="unknown").count()
    return wrongs(taken_by(mail)), unknown


if __name__ == "__main__":
    sys.exit(main())
