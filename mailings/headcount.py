"""
How many recipients mailings have at most, without looking at each recipient again.

Whoever is on two lists of a mailing counts twice here, and the suppressed count, who
get nothing: an exact figure would go through a million clients per mailing. Here each
owner's clients and each list's members are counted once, for however many mailings, and
the figures are kept for a minute.
"""

from collections.abc import Collection
from typing import Any

from django.db.models import Count, QuerySet, Value

from mailings.models import Client, ClientList, Mailing
from mailsvc import cache

Counts = dict[int, int]


def at_most(mailings: Collection[Mailing], *, reader: int) -> Counts:
    """The key of each mailing -> how many recipients it has at most. Two queries."""
    chosen = [mailing.pk for mailing in mailings if not mailing.all_clients]
    owners = sorted({each.owner_id for each in mailings if each.all_clients})
    links = Mailing.lists.through.objects.filter(mailing__in=chosen)
    pairs = list(links.values_list("mailing_id", "clientlist_id"))
    lists = sorted({pk for _, pk in pairs})
    counted = _counted(owners, lists, sorted(chosen), reader)
    return {
        each.pk: (
            counted.get(("owner", each.owner_id), 0)
            if each.all_clients
            else counted.get(("mailing", each.pk), 0)
            + sum(counted.get(("list", pk), 0) for of, pk in pairs if of == each.pk)
        )
        for each in mailings
    }


def _counted(
    owners: list[int], lists: list[int], mailings: list[int], reader: int
) -> dict[tuple[str, int], int]:
    """Clients of owners, members of lists, clients picked for mailings."""
    asked = [
        _grouped("owner", Client.objects, "owner", owners),
        _grouped("list", ClientList.clients.through.objects, "clientlist", lists),
        _grouped("mailing", Mailing.clients.through.objects, "mailing", mailings),
    ]
    wanted = [rows for rows in asked if rows is not None]
    if not wanted:
        return {}
    kept = cache.remember(
        "headcount",
        lambda: [tuple(row) for row in wanted[0].union(*wanted[1:], all=True)],
        reader=reader,
        owner=cache.EVERYBODY,
        question=(owners, lists, mailings),
    )
    return {(kind, key): count for kind, key, count in kept.value}


def _grouped(kind: str, rows: Any, of: str, keys: list[int]) -> "QuerySet[Any] | None":
    if not keys:
        return None
    found: QuerySet[Any] = rows.filter(**{f"{of}__in": keys}).order_by()
    grouped: QuerySet[Any] = found.values(of).annotate(kind=Value(kind), n=Count("pk"))
    return grouped.values_list("kind", of, "n")
