"""A new mailing from a subject and a file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.db.models import Field
from django.utils import timezone

from mailings import html, lifecycle, recurrence
from mailings.importing import decode
from mailings.management import clock
from mailings.management.lookups import list_of, moment, user_of
from mailings.models import Mailing, Message
from mailsvc.commands import Outcome, ServiceCommand
from users.models import User

MAX_BYTES = 2_000_000  # of the body's file
ONCE_FOR = timedelta(hours=24)
REPEATS_FOR = timedelta(days=365)

# Which option the user has to mend if a field of the models is wrong.
_OPTIONS = {"subject": "--subject", "body": "--body-file", "body_html": "--body-file"}


class Command(ServiceCommand):
    help = (
        "Creates a mailing and takes it into service: it begins at its start (at "
        "once, if that is not in the future) and repeats until its end. The worker "
        "sends it; without a worker, send_mailing or send_due does. Beside a worker, "
        "send_mailing goes on with the same run and begins no other."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--owner", metavar="EMAIL", required=True, help="whose mailing it is"
        )
        parser.add_argument("--subject", metavar="S", required=True)
        parser.add_argument(
            "--body-file",
            metavar="F",
            type=Path,
            required=True,
            help="the text; a file called .html or .htm is sent as HTML, with a plain "
            "text made from it. Subject and text may have {{ full_name }}, "
            "{{ email }}, {{ sender_name }}, {{ sender_email }}, {{ date }}",
        )
        to = parser.add_mutually_exclusive_group(required=True)
        to.add_argument("--list", metavar="NAME", help="to the clients on this list")
        to.add_argument(
            "--all-clients", action="store_true", help="to all clients of the owner"
        )
        parser.add_argument(
            "--start",
            metavar="ISO",
            type=moment,
            help="when it begins, like 2026-03-31T09:00; without an offset from UTC "
            "in the owner's time zone (default: now)",
        )
        parser.add_argument(
            "--end",
            metavar="ISO",
            type=moment,
            help="when it is over (default: 24 hours after the start of a mailing "
            "that is sent once, a year after the start of one that repeats)",
        )
        parser.add_argument(
            "--periodicity",
            choices=recurrence.Periodicity.values,
            default=recurrence.Periodicity.ONCE.value,
            help="default: once",
        )

    def work(self, options: dict[str, Any]) -> Outcome:
        owner = user_of(options["owner"])
        if not owner.is_active:
            raise CommandError(f"{owner.email} is blocked.")
        try:
            mailing = _create(owner, options)
        except ValidationError as error:
            raise CommandError(_in_words(error)) from error
        except lifecycle.NotPossible as error:
            raise CommandError(str(error)) from error
        return Outcome(
            data={"mailing": mailing.pk},
            text=f"Mailing {mailing.pk} created. {_beginning(mailing)}",
        )


def _beginning(mailing: Mailing) -> str:
    """When it starts, and what comes then."""
    now, first = timezone.now(), mailing.next_occurrence(None)
    if first is None:
        return "With these times it never runs."
    words = (
        "It starts at once, if a worker is running"
        if first <= now
        else f"It starts at {clock.shown(first, mailing)}"
    )
    following = mailing.next_occurrence(max(now, first))
    if following is not None:
        words += (
            f", and is sent again {mailing.periodicity}, "
            f"next at {clock.shown(following, mailing)}"
        )
    return f"{words}."


@transaction.atomic
def _create(owner: User, options: dict[str, Any]) -> Mailing:
    message = _message(owner, options["subject"], options["body_file"])
    message.full_clean()
    message.save()
    mailing = _mailing(owner, message, options)
    mailing.full_clean()
    mailing.save()
    if options["list"] is not None:
        mailing.lists.set([list_of(owner, options["list"])])
    if not mailing.reach().exists():
        raise CommandError(
            f"The list “{options['list']}” has no clients."
            if options["list"] is not None
            else f"{owner.email} has no clients."
        )
    lifecycle.launch(mailing, by=owner)
    return mailing


def _message(owner: User, subject: str, path: Path) -> Message:
    text = _read(path)
    message = Message(owner=owner, subject=subject, body=text)
    if path.suffix.lower() in (".html", ".htm"):
        message.body_html = html.clean(text)
        message.body = html.text_of(message.body_html)
    for name in ("body", "body_html"):
        limit = cast("Field[str, str]", Message._meta.get_field(name)).max_length
        if limit is not None and len(getattr(message, name)) > limit:
            raise CommandError(f"--body-file: at most {limit} characters are allowed.")
    return message


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if not file.seekable():
                raise CommandError(f"--body-file: {path} is not a file.")
            if path.stat().st_size > MAX_BYTES:
                raise CommandError(f"--body-file: {path} is too large.")
            text = decode(file)
    except OSError as error:
        raise CommandError(f"--body-file: {path}: {error.strerror or error}") from error
    if "\0" in text or "\ufffd" in text:
        raise CommandError(f"--body-file: {path} is not a text file.")
    return text.replace("\r\n", "\n")


def _mailing(owner: User, message: Message, options: dict[str, Any]) -> Mailing:
    now = timezone.now()
    start = _instant(options["start"], owner) or now
    periodicity = options["periodicity"]
    once = periodicity == recurrence.Periodicity.ONCE
    try:
        end = _instant(options["end"], owner) or start + (
            ONCE_FOR if once else REPEATS_FOR
        )
    except OverflowError:
        raise CommandError("--start: there is no time left after that.") from None
    if end <= now:
        raise CommandError(f"The end ({end:%Y-%m-%d %H:%M} UTC) is in the past.")
    return Mailing(
        owner=owner,
        title=message.subject,
        message=message,
        all_clients=options["all_clients"],
        start_at=start,
        end_at=end,
        periodicity=periodicity,
        timezone=owner.timezone,
    )


def _instant(value: datetime | None, owner: User) -> datetime | None:
    """In UTC; without an offset it is what the owner's clock shows."""
    if value is None:
        return None
    try:
        if value.tzinfo is None:
            return recurrence.instant(value, owner.timezone)
        return value.astimezone(UTC)
    except OverflowError:
        raise CommandError(f"{value.isoformat()} is no time to send mail.") from None


def _in_words(error: ValidationError) -> str:
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    lines = []
    for name, messages in error.message_dict.items():
        label = "" if name == NON_FIELD_ERRORS else f"{_OPTIONS.get(name, name)}: "
        lines.append(label + " ".join(messages))
    return "\n".join(lines)
