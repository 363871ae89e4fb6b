"""What the commands' arguments name: a user, a list, a mailing, a moment."""

from argparse import ArgumentTypeError
from datetime import datetime

from django.core.management.base import CommandError

from mailings.models import ClientList, Mailing
from users.models import User


def user_of(email: str) -> User:
    """The user with this e-mail address, in whatever case."""
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        raise CommandError(f"There is no user {email}.")
    return user


def list_of(owner: User, name: str) -> ClientList:
    found = ClientList.objects.owned_by(owner).filter(name__iexact=name.strip()).first()
    if found is None:
        raise CommandError(f"{owner.email} has no list “{name}”.")
    return found


def mailing_of(number: int) -> Mailing:
    """The mailing of this number, deleted ones included."""
    # Larger than any key: the database would answer with an error of its own.
    fits = 0 < number < 2**63
    mailing = Mailing.objects.filter(pk=number).select_related("owner", "message")
    found = mailing.first() if fits else None
    if found is None:
        raise CommandError(f"There is no mailing {number}.")
    return found


def moment(value: str) -> datetime:
    """An argument like 2026-03-31T09:00, with or without an offset from UTC."""
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ArgumentTypeError(
            f"“{value}” is not a date and time like 2026-03-31T09:00 "
            "or 2026-03-31T09:00+03:00"
        ) from None
