"""Files that go along with a message."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from mailings.models.message import Message
from mailings.models.run import Run
from users.permissions import OwnedQuerySet


class AttachmentQuerySet(OwnedQuerySet["Attachment"]):
    owner_path = "message__owner"
    parent = "message"

    def described(self) -> "AttachmentQuerySet":
        """Without what is in the files, which may be megabytes."""
        return self.defer("content")

    def let_go(self) -> None:
        """
        Of their messages; a run that copied one keeps it. Within a transaction: who
        begins a run locks these rows, too.
        """
        keys = list(self.select_for_update(of=("self",)).values_list("pk", flat=True))
        rows = Attachment.objects.filter(pk__in=keys)
        rows.filter(runs=None).described().delete()
        rows.update(message=None)

    def of_nothing(self) -> "AttachmentQuerySet":
        """What no message has and no run: none of them can get it any more."""
        return self.filter(message=None, runs=None)


class Attachment(models.Model):
    """
    One file. It never changes, so that a run's copy is a row that points to it; what
    was taken off its message stays as long as a run has it.
    """

    message = models.ForeignKey(
        Message, models.SET_NULL, null=True, related_name="attachments"
    )
    runs = models.ManyToManyField(Run, related_name="attachments")
    name = models.CharField(_("file"), max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField(_("size"))  # bytes
    content = models.BinaryField()
    created_at = models.DateTimeField(_("added"), auto_now_add=True)

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering = ["pk"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(name=""), name="attachment_has_a_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name
