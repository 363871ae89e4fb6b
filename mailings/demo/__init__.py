"""
An installation to look at: users, clients, and mailings in every status.

`people` makes users and clients, `scenes` what they do, `history` the runs that they
have had. The addresses are in domains that nobody can own (RFC 2606); those that begin
with `bad+`, `grey+` or `full.` are refused, put off once, or always put off by the
built-in mail catcher, and were so in the history.
"""

from datetime import datetime

from django.db import transaction

from mailings.demo.people import PASSWORD, make_users
from mailings.demo.scenes import make_newsletter, make_shop
from users.models import User

__all__ = ["PASSWORD", "make"]


@transaction.atomic
def make(now: datetime) -> list[User]:
    """Fills an empty installation, wholly or not at all. Returns the users."""
    admin, manager, anna, ben = make_users()
    make_shop(anna, now)
    make_newsletter(ben, manager, now)
    return [admin, manager, anna, ben]
