"""From a CSV file to mails at a server, through real workers; killed or not."""

import csv
import json
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from mailings import lifecycle
from mailings.models import Client, Lease, Mailing, Message, Run
from tests.conftest import ROOT
from tests.crash.conftest import MANAGE, Workers, is_finished, judge, until
from tests.support.commands import call
from tests.support.smtp_server import SmtpProcess
from users.models import User

pytestmark = [
    pytest.mark.process,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not Path("/proc/self/task").exists(), reason="needs Linux's /proc"
    ),
]


def mailing_to(owner: User, clients: int) -> Mailing:
    Client.objects.bulk_create(
        Client(owner=owner, email=f"c{n}@example.com", full_name=f"Клиент {n}")
        for n in range(clients)
    )
    message = Message.objects.create(owner=owner, subject="Hi", body="{{ full_name }}")
    now = timezone.now()
    made = Mailing.objects.create(
        owner=owner,
        message=message,
        all_clients=True,
        start_at=now,
        end_at=now + timedelta(days=1),
    )
    lifecycle.launch(made, by=owner)
    return made


def write_csv(path: Path, rows: int) -> None:
    """Quoted commas, Cyrillic, doubles and bad rows, as such files are."""
    with path.open("w", encoding="cp1251", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["ФИО", "Email", "Комментарий"])
        for n in range(rows):
            writer.writerow([f"Петров, Иван {n}", f"Ivan{n}@example.com", "a; b"])
            if n % 100 == 0:
                writer.writerow([f"Again {n}", f"ivan{n}@EXAMPLE.com", ""])
                writer.writerow(["Nobody", "not an address", ""])


def test_a_file_of_clients_is_mailed_by_two_workers_once_each(
    alice: User, workers: Workers, mail_server: SmtpProcess, tmp_path: Path
) -> None:
    write_csv(tmp_path / "clients.csv", 2000)
    (tmp_path / "body.txt").write_text("Здравствуйте, {{ full_name }}!")
    imported = call(
        "import_clients",
        tmp_path / "clients.csv",
        "--owner=alice@example.com",
        "--list=News",
        "--json",
    )
    assert imported.data["created"] == 2000
    assert imported.data["rejected"] == 40
    created = call(
        "create_mailing",
        "--owner=alice@example.com",
        "--subject=Новости для {{ full_name }}",
        f"--body-file={tmp_path / 'body.txt'}",
        "--list=News",
        "--json",
    )
    workers.start()
    workers.start()
    mailing = Mailing.objects.get(pk=created.data["mailing"])
    until(lambda: is_finished(mailing))
    judge(mailing.runs.get(), mail_server)
    report = call("mailing_report", mailing.pk, "--json").data
    assert report["status"] == "finished"
    assert report["totals"]["planned"] == report["totals"]["accepted"] == 2000


def test_a_worker_that_is_killed_loses_nobody_and_doubles_nobody(
    alice: User, workers: Workers, mail_server: SmtpProcess, settings
) -> None:
    mailing = mailing_to(alice, 3000)
    pumps: set[int] = set()
    for kill_after in (300, 900, 1500):
        worker = workers.start()
        until(lambda n=kill_after: len(mail_server.taken()) > n)
        workers.kill(worker)
        pumps |= set(Lease.objects.values_list("pk", flat=True))
    workers.start()
    until(lambda: is_finished(mailing))
    # At most one in doubt per open connection of each killed pump; one that hands over
    # its last letters has a successor beside it.
    doubtful = len(pumps) * settings.DELIVERY["connections"]
    judge(mailing.runs.get(), mail_server, doubtful=doubtful)


def test_worker_command_line_and_cron_at_the_same_time_send_once_each(
    alice: User,
    workers: Workers,
    mail_server: SmtpProcess,
    process_env: dict[str, str],
) -> None:
    mailing = mailing_to(alice, 2000)
    workers.start()
    others = [
        subprocess.Popen([*MANAGE, *command], env=process_env, cwd=ROOT)
        for command in (
            ["send_mailing", str(mailing.pk), "--wait"],
            ["send_mailing", str(mailing.pk), "--wait"],
            ["send_due"],
        )
    ]
    assert [other.wait(60) for other in others] == [0, 0, 0]
    until(lambda: is_finished(mailing))
    judge(mailing.runs.get(), mail_server)


def test_a_mailing_ahead_begins_by_itself(
    alice: User, workers: Workers, mail_server: SmtpProcess
) -> None:
    mailing = mailing_to(alice, 5)
    Run.objects.all().delete()
    start = timezone.now() + timedelta(seconds=3)
    Mailing.objects.update(start_at=start)
    mailing.refresh_from_db()
    lifecycle.revise(mailing, by=alice)
    workers.start()
    until(lambda: is_finished(mailing), seconds=75)
    run = mailing.runs.get()
    assert run.scheduled_for == start
    judge(run, mail_server)


def test_a_command_that_is_killed_is_gone_on_with(
    alice: User, mail_server: SmtpProcess, process_env: dict[str, str], settings
) -> None:
    mailing = mailing_to(alice, 1500)
    command = [*MANAGE, "send_mailing", str(mailing.pk), "--wait", "--json"]
    first = subprocess.Popen(command, env=process_env, cwd=ROOT)
    until(lambda: len(mail_server.taken()) > 200)
    first.kill()
    first.wait(10)
    second = subprocess.run(
        command, env=process_env, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert second.returncode == 0
    figures = json.loads(second.stdout.splitlines()[-1])
    assert figures["planned"] == figures["accepted"] + figures["unknown"] == 1500
    judge(mailing.runs.get(), mail_server, doubtful=settings.DELIVERY["connections"])
