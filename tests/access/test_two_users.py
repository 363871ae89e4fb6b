"""
Two users with nothing in common, a warm cache, every address: neither finds a word of
the other's. Then once more, now that each has filled the cache with their own.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mailings import lifecycle
from mailings.models import Attempt, Delivery
from tests import recipes
from tests.access.urls import all_routes
from users.models import User

# Where the arguments of an address come from, by the beginning of its name.
_OWN_KEYS = ("client", "list", "message", "mailing", "run", "delivery")


@dataclass
class Person:
    """A user, and a word that is in everything of theirs and nowhere else."""

    word: str
    user: User
    client: Client
    keys: dict[str, int]

    def addresses(self, of: "Person") -> list[str]:
        """Every address, with the keys of `of`."""
        found = []
        for route in all_routes().values():
            if route.name.startswith("admin:") or "/" in route.name:
                continue
            key = of.key_for(route.name)
            if route.arguments == ():
                found.append(reverse(route.name))
            elif route.arguments == ("pk",) and key is not None:
                found.append(reverse(route.name, args=[key]))
        return [
            *(f"{path}{query}" for path in found for query in ("", "?export=csv")),
            f"/reports/recipient/?email=client@{of.word}.example.com",
            f"/reports/?q={of.word}",
        ]

    def key_for(self, route: str) -> int | None:
        name = route.partition(":")[2].removeprefix("manage-").split("-")[0]
        return self.keys.get(name)

    def visit_all(self, of: "Person") -> dict[str, str]:
        """What every address answers, as a text."""
        pages = {}
        for address in self.addresses(of):
            if "logout" in address:
                continue
            answer: Any = self.client.get(address)
            location = answer.headers.get("Location", "")
            text = answer.getvalue().decode()
            pages[address] = f"{answer.status_code} {location} {text}"
        return pages


def person(word: str) -> Person:
    """With one of everything: finished and going on, held, failed, shared with nobody."""
    user = User.objects.create_user(f"{word}@example.com", "x", full_name=f"Of {word}")
    user.vouch()
    client = recipes.client(
        user, email=f"client@{word}.example.com", full_name=f"Client {word}"
    )
    listed = recipes.client_list(user, client, name=f"List {word}")
    message = recipes.message(user, subject=f"Subject {word}", body=f"Body {word}")
    mailing = recipes.mailing(
        user, clients=[client], lists=[listed], message=message, title=f"Title {word}"
    )
    run = recipes.run(mailing, accepted=1, refused=1, expired=1)
    recipes.run(
        mailing,
        values={"scheduled_for": recipes.moment("2026-01-01 09:00")},
        accepted=1,
        pending=1,
    )
    held = recipes.mailing(user, message=message, title=f"Held {word}")
    lifecycle.hold(held, by=_admin(), reason=f"Reason {word}")
    Delivery.objects.filter(run__mailing=mailing).update(full_name=f"To {word}")
    Attempt.objects.filter(run__mailing=mailing).update(reply=f"Reply {word}")
    browser = Client()
    browser.force_login(user)
    keys = {
        "client": client.pk,
        "list": listed.pk,
        "message": message.pk,
        "mailing": mailing.pk,
        "run": run.pk,
        "delivery": run.deliveries.latest("pk").pk,
        "user": user.pk,
    }
    return Person(word, user, browser, keys)


def _admin() -> User:
    found = User.objects.filter(email="admin@example.com").first()
    return found or User.objects.create_superuser("admin@example.com", "x")


@pytest.mark.django_db
def test_nothing_of_one_reaches_the_other() -> None:
    # Letters that no random token has by chance.
    first, second = person("zqxjkvone"), person("zqxjkvtwo")
    both = ((first, second), (second, first))
    for _ in range(2):  # the second time, everything that is kept is there
        for reader, other in both:
            own = reader.visit_all(of=reader)
            assert sum(reader.word in text for text in own.values()) > 20
            found = own | reader.visit_all(of=other)
            assert {
                address
                for address, text in found.items()
                if other.word in text.replace(address, "")
                and other.word not in address
            } == set()
