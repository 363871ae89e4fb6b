from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class UsersConfig(AppConfig):
    name = "users"
    verbose_name = _("Users")

    def ready(self) -> None:
        from users import roles, sign_ins  # noqa: PLC0415 - need the models

        # The permissions of the last app that roles speak of must be there.
        post_migrate.connect(
            roles.create_missing,
            sender=apps.get_app_config("mailings"),
            dispatch_uid="users.roles",
        )
        sign_ins.listen()
