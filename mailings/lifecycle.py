"""
The verbs: what can be done with a mailing. Views, commands, tasks and the admin site
call the same ones; each is atomic and leaves the mailing's schedule right.
"""

from datetime import datetime

from mailings.models import Client, Mailing, Run
from users.models import User


class NotPossible(Exception):
    """The verb does not apply now; the message says why, in the user's language."""


def launch(mailing: Mailing, *, by: User) -> None:
    """Takes a new mailing (with its recipients set) into service."""
    raise NotImplementedError


def revise(mailing: Mailing, *, by: User) -> None:
    """Puts schedule and open runs right after the settings were edited."""
    raise NotImplementedError


def pause(mailing: Mailing, *, by: User) -> None:
    raise NotImplementedError


def resume(mailing: Mailing, *, by: User) -> None:
    raise NotImplementedError


def hold(mailing: Mailing, *, by: User, reason: str) -> None:
    raise NotImplementedError


def release(mailing: Mailing, *, by: User) -> None:
    raise NotImplementedError


def stop(mailing: Mailing, *, by: User) -> None:
    """Ends the mailing for good: what is not sent yet is cancelled."""
    raise NotImplementedError


def delete(mailing: Mailing, *, by: User) -> None:
    """Removes the mailing; the history of its runs stays readable."""
    raise NotImplementedError


def send_now(mailing: Mailing, *, now: datetime) -> Run | None:
    """
    The run that sending now means: the one in progress, or a new one.

    None if there is nothing left to send (the mailing is finished).
    """
    raise NotImplementedError


def delete_client(client: Client, *, by: User) -> None:
    """Removes a client; deliveries that still wait are cancelled, history stays."""
    raise NotImplementedError
