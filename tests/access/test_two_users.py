"""
Two users with nothing in common, a warm cache, every address: neither finds a word of
the other's.
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
            if route.arguments == () and "logout" not in route.name:
                found += [reverse(route.name), f"{reverse(route.name)}?export=csv"]
            elif route.arguments == ("pk",) and key is not None:
                found.append(reverse(route.name, args=[key]))
        return [
            *found,
            f"/runs/{of.keys['run']}/?export=csv",
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
            answer: Any = self.client.get(address)
            location = answer.headers.get("Location", "")
            text = answer.getvalue().decode()
            pages[address] = f"{answer.status_code} {location} {text}"
        return pages


def person(word: str) -> Person:
    """With one of everything: finished, going on, held; nothing of it is shared."""
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
    uploaded = recipes.uploaded(
        user, f"email,name\n{word}@import.example.com,Import {word}\nbad {word},B\n"
    )
    browser = Client()
    browser.force_login(user)
    keys = {
        "import": uploaded.pk,
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


@pytest.mark.timeout(300)  # some five hundred pages
@pytest.mark.django_db
def test_nothing_of_one_reaches_the_other() -> None:
    # Letters that no random token has by chance.
    first, second = person("zqxjkvone"), person("zqxjkvtwo")
    both = ((first, second), (second, first))
    for reader, _ in both:  # now everything that is kept is there
        own = reader.visit_all(of=reader)
        assert sum(reader.word in text for text in own.values()) > 20
    for reader, other in both:
        found = reader.visit_all(of=reader) | reader.visit_all(of=other)
        assert {
            address
            for address, text in found.items()
            if other.word in text and other.word not in address
        } == set()
