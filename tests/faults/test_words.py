"""What the server says is kept, cut and shown as text, whatever it is."""

import csv
import io
import logging

import pytest
from django.test import Client as Browser

from mailings.delivery.replies import TEXT_LIMIT
from mailings.models import Attempt
from mailsvc.logs import OneLineFormatter
from tests.faults.conftest import Bench
from tests.support.smtp_script import reply

pytestmark = pytest.mark.django_db


def test_an_over_long_reply(bench: Bench) -> None:
    """
    S7. The message is accepted in a line of 9,000 bytes.

    Accepted; the words are cut.
    """
    bench.script(dot=b"250 2.0.0 " + b"x" * 9000 + b"\r\n")
    run = bench.run(1)
    bench.pump()
    bench.ends(run, planned=1, accepted=1, attempts=1)
    assert len(Attempt.objects.get().reply) == TEXT_LIMIT


HOSTILE = [
    pytest.param("Нет такого".encode("cp1251"), "Íåò òàêîãî", id="cp1251"),
    pytest.param("Нет такого".encode(), "Нет такого", id="utf-8"),
    pytest.param(b"a\0b", "a\ufffdb", id="NUL"),
    pytest.param(b"\x1b[31mred", "\ufffd[31mred", id="ESC"),
    pytest.param(
        "a\u2028b\u202eevil".encode(), "a\ufffdb\ufffdevil", id="lines-and-directions"
    ),
    pytest.param(
        b"<script>alert(1)</script>", "<script>alert(1)</script>", id="script"
    ),
    pytest.param(b"=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0", id="formula"),
]


@pytest.mark.parametrize(("raw", "text"), HOSTILE)
def test_hostile_words(
    bench: Bench, raw: bytes, text: str, alice_client: Browser
) -> None:
    """
    S8. Replies in cp1251, with NUL, ESC, `<script>`, marks of direction or `=cmd`.

    Kept as text that can be read, escaped on every page, no formula in an export.
    """
    bench.script(rcpt=b"550 " + raw + b"\r\n")
    run = bench.run(1)
    bench.pump()
    bench.ends(run, planned=1, refused=1, attempts=1)
    assert bench.logged(run) == [("refused", "rcpt", 550, text)]
    one = run.deliveries.get()
    for page in (
        f"/runs/{run.pk}/",
        f"/deliveries/{one.pk}/",
        f"/reports/runs/{run.pk}/",
    ):
        answer = alice_client.get(page)
        assert answer.status_code == 200, page
        shown = answer.content.decode()
        assert "<script>alert" not in shown
        assert "\x1b" not in shown
        assert "\0" not in shown


def test_hostile_words_in_an_export(bench: Bench, alice_client: Browser) -> None:
    """
    S8. A table with a reply that begins like a formula is exported.

    It stays text in a spreadsheet.
    """
    bench.script(rcpt=b"550 =cmd|' /C calc'!A0\r\n")
    run = bench.run(1)
    bench.pump()
    answer = alice_client.get(f"{run.get_absolute_url()}?export=csv")
    assert answer.status_code == 200
    rows = csv.reader(io.StringIO(b"".join(answer).decode("utf-8-sig")))
    cells = [cell for row in rows for cell in row if "calc" in cell]
    assert cells
    assert all(not cell.startswith(("=", "+", "-", "@")) for cell in cells)


def test_hostile_words_in_the_log(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """
    S8. The server's words go into the log, and there are several lines of them.

    One line, without characters that a terminal would obey.
    """
    bench.script(mail=reply(550, "one", "two \x1b[2J\x07", "ERROR forged"))
    bench.run(1)
    with caplog.at_level(logging.WARNING):
        bench.pump()
    told = [each for each in caplog.records if "one" in each.getMessage()]
    assert told
    for record in told:
        line = OneLineFormatter("{levelname} {context}{message}", style="{").format(
            record
        )
        assert "\n" not in line
        assert "\x1b" not in line
        assert "\x07" not in line
