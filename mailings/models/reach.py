"""Whom a mailing reaches, and how many they are, without going through them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery

from mailings.models.client import Client, ClientList, ClientQuerySet
from users.models import User


@dataclass(frozen=True)
class Reach:
    """
    All clients of `owner`, or the members of `lists` (keys) and those `picked`.

    Members are counted where they are put down: of a list of a million that takes a
    twentieth of the time of looking each client up. Lists and what is picked are the
    owner's, so that it comes to the same.
    """

    owner: int
    is_everybody: bool = False
    lists: Collection[int] = ()
    picked: "QuerySet[Any]" = field(default_factory=Client.objects.none)  # clients

    def clients(self) -> ClientQuerySet:
        """Each once."""
        own = Client.objects.filter(owner_id=self.owner)
        if self.is_everybody:
            return own
        picked = self.picked.order_by().filter(pk=OuterRef("pk"))
        members = self._members.filter(client=OuterRef("pk"))
        return own.reached(lists=members, picked=picked)

    def exists(self) -> bool:
        """Somebody is there."""
        if self.is_everybody:
            return self.clients().exists()
        return self._members.exists() or self.picked.exists()

    def suppressed(self) -> int:
        return self.clients().suppressions(self.owner).count()

    def figures(self) -> tuple[int, int]:
        """How many there are, and how many of them are suppressed. One query."""
        parts = [self.clients().suppressions(self.owner), *self._parts()]
        counts = [_HowMany(rows.order_by()) for rows in parts]
        row = User.objects.filter(pk=self.owner).order_by()
        suppressed, *others = row.values_list(*counts).get()
        return sum(filter(None, others)), suppressed or 0

    def _parts(self) -> "list[QuerySet[Any]]":
        """Nobody is in two of them."""
        if self.is_everybody:
            return [self.clients().values("pk")]
        members = self._members.values("client")
        is_member = self._members.filter(client=OuterRef("pk"))
        return [
            members.distinct() if len(self.lists) > 1 else members,
            self.picked.exclude(Exists(is_member)).values("pk"),
        ]

    @property
    def _members(self) -> "QuerySet[Any]":
        if not self.lists:
            return ClientList.clients.through.objects.none()
        return ClientList.clients.through.objects.filter(clientlist__in=self.lists)


class _HowMany(Subquery):
    """How many rows a query has, as a part of another."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = models.BigIntegerField()


def how_many(mailings: "Iterable[Any]") -> dict[int, int]:
    """
    How many each of these mailings reaches, by its key. Two queries for all of them;
    exact, where `headcount` says at most, for less.
    """
    kind = apps.get_model("mailings", "Mailing")
    rows = list(mailings)
    everybody = {each.owner_id for each in rows if each.all_clients}
    own = Client.objects.filter(owner__in=everybody).order_by().values("owner")
    clients = dict(own.annotate(n=Count("pk")).values_list("owner", "n"))
    chosen = [each.pk for each in rows if not each.all_clients]
    members = ClientList.clients.through.objects.filter(
        clientlist__mailings=OuterRef("pk")
    )
    picked = kind.clients.through.objects.filter(
        ~Exists(
            ClientList.clients.through.objects.filter(
                clientlist__mailings=OuterRef("mailing"), client=OuterRef("client")
            )
        ),
        mailing=OuterRef("pk"),
    )
    counted = kind.objects.filter(pk__in=chosen).order_by()
    counts = counted.values_list(
        "pk",
        _HowMany(members.order_by().values("client").distinct()),
        _HowMany(picked.order_by().values("client")),
    )
    some = {pk: listed + single for pk, listed, single in counts}
    return {
        each.pk: clients.get(each.owner_id, 0) if each.all_clients else some[each.pk]
        for each in rows
    }
