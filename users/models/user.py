"""The user: signs in by e-mail, lives in a time zone, reads a language."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import (
    AbstractBaseUser,
    BaseUserManager,
    PermissionsMixin,
)
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.timezone import now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from guardian.mixins import GuardianUserMixin
from timezone_field import TimeZoneField

from mailsvc.validators import validate_one_line
from users.history import History


class UserQuerySet(models.QuerySet["User"]):
    def existing(self) -> "UserQuerySet":
        """Not deleted. Of a deleted user a row without a name is kept."""
        return self.filter(deleted_at=None)


class UserManager(BaseUserManager["User"]):
    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def existing(self) -> UserQuerySet:
        return self.get_queryset().existing()

    def get_by_natural_key(self, username: str | None) -> "User":
        """The user with this e-mail address, whatever its case."""
        return self.get(email__iexact=username)

    def create_user(
        self, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=email.lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        user = self.create_user(
            email, password, is_staff=True, is_superuser=True, **fields
        )
        user.vouch()
        return user


class User(GuardianUserMixin, AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(_("e-mail"), unique=True)
    full_name = models.CharField(
        _("full name"), max_length=150, blank=True, validators=[validate_one_line]
    )
    timezone = TimeZoneField(_("time zone"), default=settings.TIME_ZONE)
    language = models.CharField(
        _("language"), max_length=7, blank=True, choices=settings.LANGUAGES
    )
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("may use the admin site"), default=False)
    date_joined = models.DateTimeField(_("joined"), default=now)
    blocked_at = models.DateTimeField(
        _("blocked"), null=True, blank=True, editable=False
    )
    blocked_by = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    block_reason = models.CharField(
        _("reason of the block"), max_length=500, blank=True, editable=False
    )
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Part of what a session is checked against: one more, and all of them are dead.
    session_epoch = models.PositiveIntegerField(default=0, editable=False)

    objects = UserManager()
    history = History(
        excluded_fields=[
            *("password", "last_login", "date_joined", "session_epoch", "blocked_by"),
        ],
        no_db_index=["email"],
    )

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_once"),
            models.CheckConstraint(
                condition=Q(deleted_at=None) | Q(is_active=False, is_superuser=False),
                name="user_deleted_has_no_power",
            ),
            models.CheckConstraint(
                condition=Q(blocked_at=None, block_reason="")
                | (Q(blocked_at__isnull=False, is_active=False) & ~Q(block_reason="")),
                name="user_block_has_a_reason",
            ),
        ]
        permissions = [
            ("view_all_users", "Can see all users"),
            ("manage_users", "Can create, edit and delete users"),
            ("block_user", "Can block and unblock users"),
        ]

    def __str__(self) -> str:
        if self.deleted_at is not None:
            return gettext("Deleted user %(number)d") % {"number": self.pk}
        return self.full_name or self.email

    def vouch(self) -> None:
        """
        Who made the account vouches for its address: it counts as confirmed, and is
        the only one it has.
        """
        from allauth.account.models import EmailAddress  # noqa: PLC0415 - needs users

        EmailAddress.objects.filter(user=self).exclude(email=self.email).delete()
        EmailAddress.objects.update_or_create(
            user=self, email=self.email, defaults={"verified": True, "primary": True}
        )

    def beside(self) -> dict[str, dict[str, str]]:
        """What the history keeps besides the fields: the roles."""
        groups = self.groups.values_list("pk", "name")
        return {"groups": {str(pk): name for pk, name in groups}}

    @property
    def is_blocked(self) -> bool:
        return self.blocked_at is not None

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """
        What every session of this user must match: the password, as Django has it,
        and the epoch, so that an old cookie stays dead after an unblocking.
        """
        return salted_hmac(
            "users.User.session_auth_hash",
            f"{self.password}:{self.session_epoch}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()

    def get_full_name(self) -> str:
        return self.full_name

    def get_short_name(self) -> str:
        return self.full_name or self.email
