"""A file of clients that somebody uploaded: what it says, and what became of it."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mailings.models.client import Client, ClientList
from users.permissions import OwnedQuerySet

# How long the file is kept, and how long an import can be undone.
KEPT = timedelta(hours=24)
UNDOABLE = timedelta(days=7)


class ImportQuerySet(OwnedQuerySet["Import"]):
    def at_work(self) -> "ImportQuerySet":
        return self.filter(state__in=WORKING)

    def unclaimed(self, now: datetime) -> "ImportQuerySet":
        """There is something to do, and nobody does it."""
        free = Q(claimed_until=None) | Q(claimed_until__lte=now)
        return self.at_work().filter(free, owner__is_active=True)


class Import(models.Model):
    """
    One upload. Files are seen by nobody but their owner, managers included.

    Who works on it holds `claim` until `claimed_until`; each step is saved together
    with what it did, so that another one goes on after `position`, the last row done.
    """

    class State(models.TextChoices):
        COLUMNS = "columns", _("Columns to be chosen")
        CHECKING = "checking", _("Being checked")
        CHECKED = "checked", _("Checked, nothing is saved yet")
        SAVING = "saving", _("Being saved")
        DONE = "done", _("Imported")
        UNDOING = "undoing", _("Being undone")
        UNDONE = "undone", _("Undone")
        FAILED = "failed", _("Interrupted")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="imports"
    )
    # Of the form: sent twice, it is one import.
    key = models.UUIDField(default=uuid.uuid4)
    file_name = models.CharField(_("file"), max_length=200)
    list_name = models.CharField(_("list"), max_length=100, blank=True)
    client_list = models.ForeignKey(
        ClientList, models.SET_NULL, null=True, related_name="imports"
    )
    language = models.CharField(max_length=7)  # of the reasons in `found`
    state = models.CharField(_("status"), max_length=10, choices=State)
    stopped_in = models.CharField(max_length=10, blank=True)  # the state before FAILED
    problem = models.TextField(blank=True)

    head = models.JSONField(default=dict)  # the first rows
    columns = models.JSONField(default=dict)  # which column is which
    found = models.JSONField(default=dict)  # the first rows of each verdict
    expected = models.PositiveIntegerField(default=0)  # rows or more, by a quick look
    position = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(_("new"), default=0)
    updated = models.PositiveIntegerField(_("changed"), default=0)
    unchanged = models.PositiveIntegerField(_("same"), default=0)
    rejected = models.PositiveIntegerField(_("rejected"), default=0)
    suppressed = models.PositiveIntegerField(default=0)
    undone = models.PositiveIntegerField(default=0)
    left = models.JSONField(default=dict)  # why -> how many could not be undone

    claim = models.CharField(max_length=32, blank=True)
    claimed_until = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)  # since the last step
    created_at = models.DateTimeField(_("uploaded"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-created_at", "-pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "key"], name="import_once_per_form"
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        *("columns", "checking", "checked", "saving", "done"),
                        *("undoing", "undone", "failed"),
                    ]
                ),
                name="import_state_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    def get_absolute_url(self) -> str:
        return reverse("mailings:import-detail", args=[self.pk])

    @property
    def is_working(self) -> bool:
        return self.state in WORKING

    @property
    def rows(self) -> int:
        return self.good + self.rejected

    @property
    def good(self) -> int:
        return self.created + self.updated + self.unchanged

    @property
    def percent(self) -> int:
        return min(100, 100 * self.position // self.expected) if self.expected else 0


WORKING = (Import.State.CHECKING, Import.State.SAVING, Import.State.UNDOING)


class ImportFile(models.Model):
    """The file itself, for a day: web server and worker may be on two hosts."""

    of = models.OneToOneField(
        Import, models.CASCADE, primary_key=True, related_name="file"
    )
    content = models.BinaryField()
    uploaded_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"file of {self.of_id}"


class ImportChange(models.Model):
    """What an import has made of one client; kept for as long as it can be undone."""

    of = models.ForeignKey(Import, models.CASCADE, related_name="changes")
    client = models.ForeignKey(
        Client, models.SET_NULL, null=True, related_name="import_changes"
    )
    is_new = models.BooleanField(default=False)
    is_listed = models.BooleanField(default=False)  # put on the import's list
    email = models.CharField(max_length=254)
    full_name = models.CharField(max_length=150)
    comment = models.TextField(blank=True)
    old_full_name = models.CharField(max_length=150, blank=True)
    old_comment = models.TextField(blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.email

    @property
    def is_change(self) -> bool:
        """An existing client got another name or comment."""
        before = (self.old_full_name, self.old_comment)
        return not self.is_new and before != (self.full_name, self.comment)

    def is_untouched(self, client: Any) -> bool:
        """The client is as the import left it."""
        left = (self.email, self.full_name, self.comment)
        return left == (client.email, client.full_name, client.comment)
