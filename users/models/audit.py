"""The audit log: who did what to whom, and when. Append-only."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AppendOnly(Exception):
    """Somebody tried to change or remove what is on record."""


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class AuditEntry(models.Model):
    """One thing that was done. Names are copies: people and objects may go."""

    class Action(models.TextChoices):
        SIGNED_IN = "signed_in", _("signed in")
        SIGN_IN_FAILED = "sign_in_failed", _("failed to sign in")
        PASSWORD_CHANGED = "password_changed", _("changed the password")
        EMAIL_CHANGED = "email_changed", _("changed the e-mail address")
        SECOND_FACTOR_ON = "second_factor_on", _("added a second factor")
        SECOND_FACTOR_OFF = "second_factor_off", _("removed a second factor")
        USER_CREATED = "user_created", _("created a user")
        USER_CHANGED = "user_changed", _("changed a user")
        USER_DELETED = "user_deleted", _("deleted a user")
        USER_BLOCKED = "user_blocked", _("blocked a user")
        USER_UNBLOCKED = "user_unblocked", _("unblocked a user")
        ROLES_CHANGED = "roles_changed", _("changed the roles of a user")
        ROLE_CHANGED = "role_changed", _("changed a role")
        ROLE_DELETED = "role_deleted", _("deleted a role")
        MAILING_LAUNCHED = "mailing_launched", _("launched a mailing")
        MAILING_CHANGED = "mailing_changed", _("changed a mailing")
        MAILING_SENT = "mailing_sent", _("had a mailing sent at once")
        MAILING_PAUSED = "mailing_paused", _("paused a mailing")
        MAILING_RESUMED = "mailing_resumed", _("resumed a mailing")
        MAILING_STOPPED = "mailing_stopped", _("stopped a mailing")
        MAILING_HELD = "mailing_held", _("held a mailing")
        MAILING_RELEASED = "mailing_released", _("released a mailing")
        MAILING_DELETED = "mailing_deleted", _("deleted a mailing")
        RETRIED = "retried", _("had the failed tried again")
        INSTALLATION_CONFIRMED = "confirmed", _("confirmed where mail is sent from")
        CLIENT_DELETED = "client_deleted", _("deleted a client")
        LIST_DELETED = "list_deleted", _("deleted a client list")
        TEST_SENT = "test_sent", _("sent a test of a message")
        MESSAGE_DELETED = "message_deleted", _("deleted a message")
        SHARED = "shared", _("shared something")
        UNSHARED = "unshared", _("took a share back")
        IMPORTED = "imported", _("imported clients")
        IMPORT_UNDONE = "import_undone", _("undid an import of clients")
        EXPORTED = "exported", _("exported a table")
        SUPPRESSED = "suppressed", _("suppressed an address")
        ALLOWED_AGAIN = "allowed_again", _("allowed an address again")

    at = models.DateTimeField(_("time"), auto_now_add=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("who"),
    )
    actor_email = models.CharField(_("who"), max_length=254, blank=True)
    action = models.CharField(_("what"), max_length=20, choices=Action)
    object_type = models.CharField(max_length=50, blank=True)
    object_id = models.BigIntegerField(null=True)
    object_name = models.CharField(_("to what"), max_length=255, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    ip_address = models.GenericIPAddressField(_("address"), null=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ["-at", "-pk"]
        default_permissions = ()
        permissions = [("view_audit_log", "Can read the audit log")]
        indexes = [models.Index(fields=["-at", "-id"], name="audit_newest")]

    def __str__(self) -> str:
        return f"{self.actor_email} {self.action} {self.object_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly
