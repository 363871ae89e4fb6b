"""A process that gets no more memory from the system, in the middle of a run."""

import subprocess
import sys
from collections import Counter

import pytest
from django.conf import settings
from django.utils import timezone

from mailings import delivery
from mailings.models import Circuit, Lease
from tests.conftest import ROOT
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support.smtp_server import SmtpServer

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]

RECIPIENTS = 600
CONNECTIONS = settings.DELIVERY["connections"]

# After so many outcomes the process has got all the memory that it will ever get, and
# what it asks for from then on comes from what is left over.
_SENDER = """
import resource, sys
import django
django.setup()
from mailings import delivery

enough, spare, hoard = int(sys.argv[1]), int(sys.argv[2]), []

def starve(report):
    if report.accepted < enough or hoard:
        return
    pages = int(open("/proc/self/statm").read().split()[0])
    limit = pages * resource.getpagesize() + spare
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        while True:
            hoard.append(bytearray(4096))
    except MemoryError:
        for _ in range(spare // 4096 // 4):
            hoard.pop()

delivery.pump(stop=lambda: False, on_progress=starve)
"""


@pytest.mark.parametrize("spare", [0, 64, 1024], ids=lambda spare: f"{spare} KB")
def test_a_process_that_gets_no_more_memory_harms_nobody(
    spare: int,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    process_env: dict[str, str],
) -> None:
    """
    Y18. The system gives the process no more memory, in the middle of a run.

    It ends or goes on; nobody is lost, doubled or charged, and at most one for each
    connection is unknown. The next process sends the rest.
    """
    run = given_run(RECIPIENTS)
    done = subprocess.run(
        [sys.executable, "-c", _SENDER, "50", str(spare * 1024)],
        env=process_env | {"DJANGO_SETTINGS_MODULE": "mailsvc.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert len(smtp_server.received) >= 50, done.stderr
    Circuit.objects.all().delete()
    delivery.recover(timezone.now())
    assert not Lease.objects.exists()  # the process has gone, and is known to have
    pump()
    figures = ledger(run)
    unknown = figures.get("unknown", 0)
    copies = Counter(mail.recipient for mail in smtp_server.received)
    assert set(copies.values()) == {1}
    assert unknown <= CONNECTIONS
    assert figures["accepted"] + unknown == figures["attempts"] == RECIPIENTS
