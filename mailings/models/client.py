"""Clients (recipients) and the lists that a user keeps them in."""

from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Aggregate, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Lower
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mailings.models.suppression import Suppression, against
from mailsvc.validators import validate_mailbox, validate_one_line
from users.permissions import OwnedQuerySet


class _OneALine(Aggregate):
    """Names, which are lines, as one text."""

    function = "STRING_AGG"
    template = "%(function)s(%(expressions)s, %(newline)s)"
    output_field = models.TextField()

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        return self.as_sql(compiler, connection, newline="chr(10)")

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        words = {"function": "GROUP_CONCAT", "newline": "char(10)"}
        return self.as_sql(compiler, connection, **words)


class ClientQuerySet(OwnedQuerySet["Client"]):
    view_all = "mailings.view_all_clients"

    def suppressed(self) -> "ClientQuerySet":
        """Whose address is written to no more."""
        return self.filter(Exists(against("owner")))

    def suppressions(self, owner: int) -> "models.QuerySet[Suppression]":
        """
        Those of `owner` that stand against them: as many as there are suppressed ones.

        From these the way to a client is short; among a million clients it takes half
        a second to find the few that are suppressed.
        """
        rows = self.order_by().annotate(address=Lower("email"))
        stands_against = rows.filter(address=OuterRef("email"))
        return Suppression.objects.filter(Exists(stands_against), owner=owner)

    def reached(
        self, *, lists: "models.QuerySet[Any]", picked: "models.QuerySet[Any]"
    ) -> "ClientQuerySet":
        """
        Those with a row in `lists` (members) or in `picked`, which both name the outer
        client, each once.

        Not `pk IN (…) OR pk IN (…)`: of more members than fit its memory PostgreSQL
        would read all of them anew for each client.
        """
        named = [rows for rows in (lists, picked) if not rows.query.is_empty()]
        asked = [models.Q(Exists(rows)) for rows in named]
        return self.filter(reduce(or_, asked)) if asked else self.none()

    def with_suppression(self) -> "ClientQuerySet":
        """Each row with `suppressed_as` and `suppressed_since`, None for most."""
        found = against("owner")
        return self.annotate(
            suppressed_as=Subquery(found.values("kind")),
            suppressed_since=Subquery(found.values("since")),
        )

    def with_evidence(self) -> "ClientQuerySet":
        """As `with_suppression`, with `suppressed_by` (its key) and what it says."""
        found = against("owner")
        return self.with_suppression().annotate(
            suppressed_by=Subquery(found.values("pk")),
            suppressed_words=Subquery(found.values("words")),
        )

    def with_list_names(self) -> "ClientQuerySet":
        """
        Each row with `list_names`, a line each: where all rows are read in one
        statement, and none is kept.
        """
        members: Any = ClientList.clients.through.objects
        of_client = members.filter(client=OuterRef("pk")).values("client")
        names = of_client.annotate(names=_OneALine("clientlist__name")).values("names")
        return self.annotate(list_names=Subquery(names))


class Client(models.Model):
    """A recipient. Deliveries keep their own copy of name and address."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="clients"
    )
    email = models.CharField(_("e-mail"), max_length=254, validators=[validate_mailbox])
    full_name = models.CharField(
        _("full name"), max_length=150, validators=[validate_one_line]
    )
    comment = models.TextField(_("comment"), blank=True, max_length=1000)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ClientQuerySet.as_manager()

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        ordering = ["full_name", "pk"]
        # A page of very many, without sorting them.
        indexes = [
            models.Index(
                fields=["owner", "full_name", "id"], name="client_of_owner_by_name"
            ),
            # A manager looks for an address among everybody's.
            models.Index(Lower("email"), name="client_by_address"),
        ]
        permissions = [("view_all_clients", "Can see the clients of all users")]
        constraints = [
            models.UniqueConstraint(
                "owner",
                Lower("email"),
                name="client_email_once_per_owner",
                violation_error_message=_(
                    "You already have a client with this e-mail address."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.full_name} <{self.email}>"

    def get_absolute_url(self) -> str:
        return reverse("mailings:client-detail", args=[self.pk])


class ClientListQuerySet(OwnedQuerySet["ClientList"]):
    view_all = "mailings.view_all_clients"
    shareable = True

    def with_size(self) -> "ClientListQuerySet":
        members: QuerySet[Any] = ClientList.clients.through.objects.filter(
            clientlist=OuterRef("pk")
        )
        counts: QuerySet[Any] = (
            members.order_by().values("clientlist").annotate(n=models.Count("pk"))
        )
        return self.annotate(size=Coalesce(Subquery(counts.values("n")), 0))


class ClientList(models.Model):
    """A named set of an owner's clients."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="client_lists"
    )
    name = models.CharField(_("name"), max_length=100, validators=[validate_one_line])
    clients = models.ManyToManyField(
        Client, related_name="lists", verbose_name=_("clients"), blank=True
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ClientListQuerySet.as_manager()

    class Meta:
        verbose_name = _("client list")
        verbose_name_plural = _("client lists")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                "owner",
                Lower("name"),
                name="client_list_name_once_per_owner",
                violation_error_message=_("You already have a list of this name."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("mailings:list-detail", args=[self.pk])
