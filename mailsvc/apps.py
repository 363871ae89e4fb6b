from django.apps import AppConfig

from mailsvc import checks

__all__ = ["MailsvcConfig", "checks"]  # the checks register themselves


class MailsvcConfig(AppConfig):
    name = "mailsvc"
    verbose_name = "mailsvc"
