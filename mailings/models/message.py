"""The message: what a mailing says."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mailings import placeholders
from mailsvc.validators import validate_one_line
from users.permissions import OwnedQuerySet


def validate_placeholders(text: str) -> None:
    """Refuses a placeholder that nobody would fill."""
    unknown = placeholders.unknown(text)
    if unknown:
        raise ValidationError(
            _("Unknown placeholder: %(unknown)s. Known are: %(known)s."),
            code="unknown_placeholder",
            params={
                "unknown": ", ".join(unknown),
                "known": ", ".join(f"{{{{ {name} }}}}" for name in placeholders.NAMES),
            },
        )


class MessageQuerySet(OwnedQuerySet["Message"]):
    view_all = "mailings.view_all_messages"
    shareable = True


class Message(models.Model):
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="messages"
    )
    subject = models.CharField(
        _("subject"),
        max_length=255,
        validators=[validate_one_line, validate_placeholders],
    )
    body = models.TextField(
        _("text"), max_length=200_000, validators=[validate_placeholders]
    )
    body_html = models.TextField(
        _("HTML version"),
        blank=True,
        max_length=500_000,
        validators=[validate_placeholders],
        help_text=_("Optional. Mail programs that show HTML show this instead."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-updated_at", "-pk"]
        permissions = [("view_all_messages", "Can see the messages of all users")]

    def __str__(self) -> str:
        return self.subject

    def get_absolute_url(self) -> str:
        return reverse("mailings:message-detail", args=[self.pk])
