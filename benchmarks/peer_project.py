"""
A peer at work: a Django project of a few lines, run in the peers' own environment.

    python -m benchmarks.peer_project NAME prepare|send RECIPIENTS CONNECTIONS PORT

DATABASE_URL says where. Prints, as JSON, seconds (queueing, sending and logging
together), CPU seconds and peak memory.
"""

import json
import os
import resource
import smtplib
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import django
from django.conf import settings

from benchmarks import work

PROCESSES = 2  # of post_office: the best that was found on two cores
THREADS = 4  # per process, where the mail server is near
_TEMPLATES = "post_office.template.backends.post_office"


def _database() -> dict[str, object]:
    url = os.environ["DATABASE_URL"]
    if url.startswith("sqlite:///"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.removeprefix("sqlite:///"),
            # What mailsvc uses, too.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
            },
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": parts.username,
        "HOST": parts.hostname,
        "PORT": parts.port,
    }


def configure(connections: int, port: int, *, is_far: bool) -> None:
    settings.configure(
        SECRET_KEY="for measurements only",  # noqa: S106
        DATABASES={"default": _database()},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.sites",
            "benchmarks.naive",
            "post_office",
            "mailer",
        ],
        SITE_ID=1,
        TEMPLATES=[
            {
                "BACKEND": f"{_TEMPLATES}.PostOfficeTemplates",
                "APP_DIRS": True,
                "NAME": "post_office",
                "OPTIONS": {"context_processors": []},
            },
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
            },
        ],
        USE_TZ=True,
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        DEFAULT_FROM_EMAIL=work.SENDER,
        MAILER_EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        MAILER_EMAIL_MAX_BATCH=None,
        MAILER_USE_FILE_LOCK=False,
        POST_OFFICE={
            "BATCH_SIZE": 5000,
            # Far away, waiting is all there is: as many as there are connections.
            "THREADS_PER_PROCESS": max(1, connections // PROCESSES)
            if is_far
            else THREADS,
            "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
        },
        LOGGING_CONFIG=None,
    )
    django.setup()


def prepare(number: int) -> None:
    from django.core.management import call_command  # noqa: PLC0415 - after setup()

    from benchmarks.naive.models import Recipient  # noqa: PLC0415

    call_command("migrate", run_syncdb=True, verbosity=0)
    Recipient.objects.bulk_create(
        (
            Recipient(email=email, full_name=name)
            for email, name in work.recipients(number)
        ),
        batch_size=5_000,
    )


def _personal(email: str, full_name: str) -> tuple[str, str, str]:
    subject, text, html = (
        work.filled(each, email=email, full_name=full_name)
        for each in (work.SUBJECT, work.TEXT, work.HTML)
    )
    return subject, text, html


def naive() -> None:
    """A loop over the recipients: send_mail(), a row for the attempt, save()."""
    from django.core.mail import send_mail  # noqa: PLC0415 - after setup()

    from benchmarks.naive.models import Attempt, Recipient  # noqa: PLC0415

    for each in Recipient.objects.iterator():
        subject, text, html = _personal(each.email, each.full_name)
        status, reply = "sent", ""
        try:
            send_mail(subject, text, None, [each.email], html_message=html)
        except (smtplib.SMTPException, OSError) as error:
            status, reply = "failed", str(error)
        Attempt.objects.create(recipient=each, status=status, reply=reply)
        each.status = status
        each.save()


def post_office() -> None:
    """Queued by send_many(), sent by two processes with several threads each."""
    from django.db import connection  # noqa: PLC0415 - after setup()
    from post_office import mail  # noqa: PLC0415

    from benchmarks.naive.models import Recipient  # noqa: PLC0415

    chunk = []
    for each in Recipient.objects.iterator():
        subject, text, html = _personal(each.email, each.full_name)
        chunk.append(
            {
                "recipients": each.email,
                "subject": subject,
                "message": text,
                "html_message": html,
            }
        )
        if len(chunk) == 1_000:
            mail.send_many(chunk)
            chunk = []
    mail.send_many(chunk)
    while mail.send_queued(processes=PROCESSES)[0]:
        connection.close()  # its processes have closed the one that they inherited


def django_mailer() -> None:
    """Queued one by one, as it has no other way, and sent by send_all()."""
    from mailer import send_html_mail  # noqa: PLC0415 - after setup()
    from mailer.engine import send_all  # noqa: PLC0415

    from benchmarks.naive.models import Recipient  # noqa: PLC0415

    for each in Recipient.objects.iterator():
        subject, text, html = _personal(each.email, each.full_name)
        send_html_mail(subject, text, html, settings.DEFAULT_FROM_EMAIL, [each.email])
    send_all()


SENDERS: dict[str, Callable[[], None]] = {
    "naive": naive,
    "django-post_office": post_office,
    "django-mailer": django_mailer,
}


def _cpu() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in usages)


def _peak_mb() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(each.ru_maxrss for each in usages) / 1024


def main() -> None:
    name, verb, recipients, connections, port, is_far = sys.argv[1:]
    configure(int(connections), int(port), is_far=is_far == "far")
    if verb == "prepare":
        prepare(int(recipients))
        return
    before, begun = _cpu(), time.monotonic()
    SENDERS[name]()
    told = {
        "seconds": time.monotonic() - begun,
        "cpu": _cpu() - before,
        "peak_mb": _peak_mb(),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
