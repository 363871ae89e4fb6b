"""What somebody has typed into the form of a message, and not saved."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from mailings.models.message import Message
from users.models import User

FIELDS = ("subject", "body", "body_html")


class DraftQuerySet(models.QuerySet["Draft"]):
    def of(self, author: User, message: Message | None) -> "DraftQuerySet":
        """The author's one draft of `message`, or of a new one."""
        return self.filter(author=author, message=message)

    def keep(
        self, author: User, message: Message | None, values: dict[str, str]
    ) -> "Draft | None":
        """
        In the place of an earlier one; None if all that it says is saved already.
        """
        saved = {name: getattr(message, name, "") for name in FIELDS}
        if _lines(values) == _lines(saved):
            self.of(author, message).delete()
            return None
        draft, _is_new = self.update_or_create(
            author=author, message=message, defaults=values
        )
        return draft


class Draft(models.Model):
    """Seen by its author only. Anything may stand in it: it is checked when saved."""

    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="drafts"
    )
    # None: of a message that has not been saved so far.
    message = models.ForeignKey(
        Message, models.CASCADE, null=True, related_name="drafts"
    )
    subject = models.CharField(max_length=255, blank=True)
    body = models.TextField(max_length=200_000, blank=True)
    body_html = models.TextField(max_length=500_000, blank=True)
    saved_at = models.DateTimeField(auto_now=True)

    objects = DraftQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["author", "message"], name="draft_once_per_author_and_message"
            ),
            models.UniqueConstraint(
                fields=["author"],
                condition=Q(message=None),
                name="draft_once_of_a_new_message",
            ),
        ]

    def __str__(self) -> str:
        return self.subject

    def values(self) -> dict[str, Any]:
        """For a form, field by field."""
        return {name: getattr(self, name) for name in FIELDS}


def _lines(values: dict[str, str]) -> dict[str, str]:
    """Browsers send other line ends than they were given."""
    return {name: text.replace("\r\n", "\n") for name, text in values.items()}
