"""
Is the mail server well? While the circuit is open nothing is sent, nobody's retries
are charged, and now and then one real message probes it.
"""

from datetime import datetime, timedelta

from django.db.models import F

from mailings.delivery.replies import Outcome, Verdict
from mailings.models import Circuit

FAILURES_TO_OPEN = 3  # in a row, none of them after a success
_SERVER_PROBES = (15, 30, 60)  # seconds until the next probe; the last one repeats
_ACCOUNT_PROBES = (300, 900, 3600)


def admits(server: str, now: datetime, *, fingerprint: str) -> int | None:
    """
    How many connections may be opened: None is no limit, 1 is a probe, 0 is none.

    Of several pumps that ask at the same time, one gets the probe. With other settings
    than those that failed (`fingerprint`) nothing is known yet: they get it at once.
    """
    circuit = Circuit.objects.filter(server=server, state="open").first()
    if circuit is None:
        return None
    changes: dict[str, object] = {}
    if circuit.fingerprint != fingerprint:
        changes = {"fingerprint": fingerprint, "failures": 0}
    elif circuit.probe_at is None or circuit.probe_at > now:
        return 0
    won = Circuit.objects.filter(
        pk=circuit.pk, probe_at=circuit.probe_at, fingerprint=circuit.fingerprint
    ).update(probe_at=now + timedelta(seconds=_SERVER_PROBES[-1]), **changes)
    return 1 if won else 0


def objection(server: str, now: datetime, *, fingerprint: str) -> str:
    """Why nothing is tried just now, in words; "" where `admits` may let somebody."""
    circuit = Circuit.objects.filter(server=server, state="open").first()
    if circuit is None or circuit.fingerprint != fingerprint:
        return ""
    return "" if circuit.probe_at is None or circuit.probe_at <= now else circuit.reason


def failed(server: str, trouble: Outcome, now: datetime, *, fingerprint: str) -> bool:
    """Counts a failure of the server; true if the circuit is open now."""
    circuit, _ = Circuit.objects.get_or_create(server=server)
    Circuit.objects.filter(pk=circuit.pk).update(failures=F("failures") + 1)
    circuit.refresh_from_db()
    account = trouble.verdict is Verdict.ACCOUNT
    if not (account or circuit.is_open or circuit.failures >= FAILURES_TO_OPEN):
        return False
    probes = _ACCOUNT_PROBES if account else _SERVER_PROBES
    turn = max(0, circuit.failures - (1 if account else FAILURES_TO_OPEN))
    circuit.state = Circuit.State.OPEN
    circuit.reason = in_words(trouble)
    circuit.fingerprint = fingerprint
    circuit.opened_at = circuit.opened_at or now
    circuit.probe_at = now + timedelta(seconds=probes[min(turn, len(probes) - 1)])
    circuit.save(
        update_fields=["state", "reason", "fingerprint", "opened_at", "probe_at"]
    )
    return True


def succeeded(server: str) -> None:
    """The server works: closes the circuit and forgets its failures."""
    Circuit.objects.filter(server=server).exclude(state="closed", failures=0).update(
        state=Circuit.State.CLOSED,
        failures=0,
        reason="",
        opened_at=None,
        probe_at=None,
    )


def in_words(trouble: Outcome) -> str:
    """The server's own words, or ours where it had none."""
    code = f"{trouble.code} " if trouble.code else ""
    return f"{code}{trouble.text}"


def reason(server: str) -> str:
    """Why nothing is sent just now; "" if the server is well."""
    circuit = Circuit.objects.filter(server=server, state="open").first()
    return circuit.reason if circuit else ""
