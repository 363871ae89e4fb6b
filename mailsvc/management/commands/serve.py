"""All of mailsvc on one machine: web, worker and mail catcher together."""

import os
import sys
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connections

from mailsvc import ports, preparing
from mailsvc.supervisor import Service, Supervisor

HOST = "127.0.0.1"


class Command(BaseCommand):
    help = (
        "Prepares the database and runs the web server, the worker and, unless "
        "EMAIL_URL names a mail server, the built-in mail catcher. Ends all of them on "
        "Ctrl-C or SIGTERM. PORT and MAILCATCHER_PORT choose other ports."
    )
    # The static files, of which a check may speak, are collected by this command.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--demo",
            action="store_true",
            help="Load demo data, with well-known passwords, if there are no users and "
            "SITE_URL is not https.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.web_port = ports.from_environment("PORT", 8000)
            self.mail_port = ports.from_environment("MAILCATCHER_PORT", 2525)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self._require_free_ports()
        try:
            self._prepare(demo=options["demo"])
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted. The next start goes on from here."
            ) from None
        Supervisor(
            self._services(),
            cwd=settings.BASE_DIR,
            env=self._environment(),
            say=self._say,
            when_up=self._say_where,
        ).run()

    def _require_free_ports(self) -> None:
        wanted = {"PORT": self.web_port}
        if settings.MAILCATCHER_ENABLED:
            wanted["MAILCATCHER_PORT"] = self.mail_port
        for name, port in wanted.items():
            if trouble := _lasting_trouble_with(port):
                raise CommandError(
                    f"Port {port} of {HOST} cannot be used ({trouble}). Choose "
                    f"another one: {name}={_another(port)} make run"
                )

    def _prepare(self, *, demo: bool) -> None:
        try:
            preparing.prepare_database(self._say)
            if demo and not settings.HTTPS:
                preparing.load_demo(self._say)
            self.logins = preparing.demo_logins()
        except DatabaseError as error:
            raise CommandError(
                f"The database does not answer as it should: {error}".strip()
            ) from error
        finally:
            connections.close_all()
        preparing.prepare_static_files(self._say)

    def _services(self) -> list[Service]:
        manage = [sys.executable, "manage.py"]
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"]
        services = [
            Service(name="web", command=gunicorn, address=(HOST, self.web_port)),
            Service(name="worker", command=[*manage, "qcluster", "--grace", "5"]),
        ]
        if settings.MAILCATCHER_ENABLED:
            catcher = Service(
                name="catcher",
                command=[*manage, "mailcatcher"],
                address=(HOST, self.mail_port),
                # It goes last, so that what is being sent gets its reply.
                stage=1,
                grace=1.0,
            )
            services.append(catcher)
        return services

    def _environment(self) -> dict[str, str]:
        """What the services need to know of our ports, unless it is set already."""
        defaults = {
            "SITE_URL": f"http://{HOST}:{self.web_port}",
            "EMAIL_URL": f"smtp://{HOST}:{self.mail_port}",
            "WEB_LOG_LEVEL": "warning",
        }
        return (
            defaults
            | os.environ
            | {
                "HOST": HOST,
                "PORT": str(self.web_port),
                "MAILCATCHER_PORT": str(self.mail_port),
                "MAILCATCHER": str(settings.MAILCATCHER_ENABLED).lower(),
                "PYTHONUNBUFFERED": "1",
            }
        )

    def _say_where(self) -> None:
        self._say("")
        self._say(f"  mailsvc is ready:  http://{HOST}:{self.web_port}/")
        if self.logins:
            self._say(f"  Sign in as:        {self.logins}")
        if settings.MAILCATCHER_ENABLED:
            self._say(
                "  Mail is caught:    nothing leaves this machine, see the Outbox"
            )
        self._say("  Stop with Ctrl-C.")
        self._say("")

    def _say(self, line: str) -> None:
        try:
            self.stdout.write(line)
            self.stdout.flush()
        except (BrokenPipeError, OSError):
            # Nobody reads any more; to end the services in order is still our task.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _lasting_trouble_with(port: int) -> str:
    """Services of ours that lost their parent are gone within a second or two."""
    for _ in range(10):
        if not ports.trouble_with(HOST, port):
            return ""
        time.sleep(0.2)
    return ports.trouble_with(HOST, port)


def _another(port: int) -> int:
    """A free one near by, if there is one."""
    near = [*range(port + 1, min(port + 100, 65536))]
    return next((each for each in near if not ports.trouble_with(HOST, each)), 8080)
