"""Something to look at in an empty installation."""

from typing import Any

from django.utils import timezone

from mailings import demo
from mailings.models import Client, Mailing
from mailsvc.commands import Outcome, ServiceCommand
from users.models import User


class Command(ServiceCommand):
    help = (
        "Fills an empty database with demo data: an admin, a manager, two users, 200 "
        "clients, and mailings in every status, one of which begins at once. Does "
        "nothing if there is a user already. All demo users have the password "
        f"“{demo.PASSWORD}”: not for a server that others can reach."
    )

    def work(self, options: dict[str, Any]) -> Outcome:
        if User.objects.exists():
            return Outcome(
                data={"seeded": False},
                text="There are users already: no demo data is loaded.",
            )
        users = demo.make(timezone.now())
        logins = [user.email for user in users]
        clients, mailings = Client.objects.count(), Mailing.objects.count()
        return Outcome(
            data={
                "seeded": True,
                "users": logins,
                "password": demo.PASSWORD,
                "clients": clients,
                "mailings": mailings,
            },
            text=f"Demo data: {clients} clients, {mailings} mailings.\n"
            f"Sign in as {', '.join(logins)}; the password is {demo.PASSWORD}",
        )
