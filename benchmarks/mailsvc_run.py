"""
Our side of the measurement, in a process with mailsvc's settings.

    prepare N      an owner with N clients
    send LIMIT     says "ready", waits for a line, makes a mailing, waits for its end
                   and prints what it took, as JSON

Nothing is sent here: that is done by `manage.py qcluster`, which must be running.
"""

import json
import sys
import time
from datetime import timedelta

import django
from django.core.management import call_command
from django.db.models import Min
from django.utils import timezone

from benchmarks import work

_OWNER = "owner@example.com"
_CHUNK = 5_000
_LOOK_EVERY = 0.02  # seconds


def prepare(number: int) -> None:
    from mailings.models import Client  # noqa: PLC0415 - after setup()
    from users.models import User  # noqa: PLC0415

    owner = User.objects.create_user(_OWNER, "owner", full_name="Owner")
    chunk = []
    for email, name in work.recipients(number):
        chunk.append(Client(owner=owner, email=email, full_name=name))
        if len(chunk) == _CHUNK:
            Client.objects.bulk_create(chunk)
            chunk = []
    Client.objects.bulk_create(chunk)


def send(limit: float) -> dict[str, float]:
    from mailings import lifecycle  # noqa: PLC0415 - after setup()
    from mailings.models import Attempt, Mailing, Message, Run  # noqa: PLC0415
    from users.models import User  # noqa: PLC0415

    owner = User.objects.get(email=_OWNER)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    now = timezone.now()
    begun = time.monotonic()
    message = Message.objects.create(
        owner=owner, subject=work.SUBJECT, body=work.TEXT, body_html=work.HTML
    )
    mailing = Mailing.objects.create(
        owner=owner,
        message=message,
        all_clients=True,
        start_at=now,
        end_at=now + timedelta(days=1),
    )
    lifecycle.launch(mailing, by=owner)
    created = time.monotonic() - begun
    while time.monotonic() - begun < limit:
        run = Run.objects.filter(mailing=mailing).first()
        if run and run.state == Run.State.SENDING and not run.open_deliveries:
            break
        if run and run.state == Run.State.FINISHED:
            break
        time.sleep(_LOOK_EVERY)
    seconds = time.monotonic() - begun
    run = Run.objects.get(mailing=mailing)
    first = Attempt.objects.aggregate(first=Min("started_at"))["first"]
    return {
        "seconds": seconds,
        "created": created,
        "first": (first - now).total_seconds(),
        "planned": run.planned,
        "accepted": run.accepted,
    }


def main() -> None:
    verb, argument = sys.argv[1:]
    if verb == "prepare":
        django.setup()
        call_command("migrate", verbosity=0)
        prepare(int(argument))
    else:
        django.setup()
        sys.stdout.write(json.dumps(send(float(argument))) + "\n")


if __name__ == "__main__":
    main()
