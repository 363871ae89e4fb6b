from django.apps import AppConfig


class MailsvcConfig(AppConfig):
    name = "mailsvc"
    verbose_name = "mailsvc"
