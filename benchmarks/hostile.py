"""
How much memory does a mail server take from us that never stops talking?

    python benchmarks/hostile.py

`manage.py send_mailing` talks to a good server, and then to one that never ends its
reply, or floods the connection, at each stage. The peak of its memory is compared. One
line of figures; exit code 1 if it grows by more than 10 MB, or the command does not
come to its end. Needs Linux.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

from benchmarks import meter  # noqa: E402
from benchmarks.installation import MANAGE, environment  # noqa: E402
from benchmarks.places import free_port  # noqa: E402
from tests.support.smtp_script import Endless  # noqa: E402
from tests.support.smtp_server import SmtpServer  # noqa: E402

LIMIT = 10.0  # MB
PATIENCE = 120.0  # seconds for one command
STAGES = ("connect", "ehlo", "mail", "rcpt", "data", "dot")
TALKS = {
    "a reply without end": Endless(),
    "a line without end": Endless(b"x" * 1_000, lines_per_write=1_000),
}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="mailsvc-hostile-") as name:
        folder, port = Path(name), free_port()
        env = environment(folder, "", port, settings="mailsvc.settings")
        os.environ.update(env)
        django.setup()
        prepare()
        usual = peak({}, port, env)
        worst, where = max(
            (peak({stage: act}, port, env), f"{talk} at {stage}")
            for stage in STAGES
            for talk, act in TALKS.items()
        )
    growth = worst - usual
    good = growth <= LIMIT
    print(
        f"{'good' if good else 'BAD'}: {usual:.0f} MB with a good server, at most "
        f"{growth:+.1f} MB with {len(STAGES) * len(TALKS)} hostile ones ({where})"
    )
    return 0 if good else 1


def prepare() -> None:
    from django.core.management import call_command  # noqa: PLC0415 - needs set-up

    from mailings.models import Client, Message  # noqa: PLC0415
    from users.models import User  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    owner = User.objects.create_user("owner@example.com", "not signed in with")
    Message.objects.create(owner=owner, subject="Hi", body="{{ full_name }}")
    Client.objects.bulk_create(
        Client(owner=owner, email=f"c{n}@example.com", full_name=f"C {n}")
        for n in range(20)
    )


def peak(script: dict[str, Any], port: int, env: dict[str, str]) -> float:
    """MB of `send_mailing` at its peak, while the server does that."""
    from django.utils import timezone  # noqa: PLC0415 - needs set-up

    from mailings.models import Circuit, Mailing, Message  # noqa: PLC0415

    Circuit.objects.all().delete()
    message = Message.objects.get()
    mailing = Mailing.objects.create(
        owner=message.owner,
        message=message,
        all_clients=True,
        start_at=timezone.now(),
        end_at=timezone.now() + timedelta(days=1),
    )
    with SmtpServer(script, port=port):
        command = subprocess.Popen(
            [*MANAGE, "send_mailing", str(mailing.pk)],
            env=env,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        found, deadline = 0.0, time.monotonic() + PATIENCE
        while command.poll() is None:
            found = max(found, meter.peak_mb([command.pid]))
            if time.monotonic() > deadline:
                command.kill()
                command.wait()
                raise RuntimeError(f"the command does not end: {script}")
            time.sleep(0.02)
    return found


if __name__ == "__main__":
    sys.exit(main())
