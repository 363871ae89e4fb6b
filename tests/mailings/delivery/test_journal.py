from datetime import UTC, datetime
from pathlib import Path

from mailings.delivery import journal
from mailings.delivery.journal import Journal, Result
from mailings.delivery.replies import Outcome, Phase, Verdict


def result(delivery_id: int, text: str = "2.0.0 Ok: queued") -> Result:
    outcome = Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "2.0.0", text)
    return Result(delivery_id, outcome, datetime(2026, 12, 1, tzinfo=UTC), 12)


def test_it_tells_outcomes_and_doubts_apart(tmp_path: Path) -> None:
    own = Journal.create(tmp_path)
    own.handing_over(1)
    own.received(result(1, "строка\nи ещё"))
    own.handing_over(2)
    own.handing_over(3)
    own.not_taken(3)
    testimony = journal.read(own.path)
    assert testimony.results == {1: result(1, "строка\nи ещё")}
    assert testimony.in_doubt == {2}
    own.close(forget=True)


def test_a_second_try_is_in_doubt_again(tmp_path: Path) -> None:
    own = Journal.create(tmp_path)
    own.received(result(1))
    own.handing_over(1)
    testimony = journal.read(own.path)
    assert (testimony.results, testimony.in_doubt) == ({}, {1})
    own.close(forget=True)


def test_a_line_cut_short_was_never_said(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    path.write_bytes(b"D 1\nD 2\nR [1, ")
    testimony = journal.read(path)
    assert (testimony.results, testimony.in_doubt) == ({}, {1, 2})


def test_the_lock_tells_whether_its_owner_lives(tmp_path: Path) -> None:
    own = Journal.create(tmp_path)
    assert not journal.owner_is_dead(own.path)
    own.close(forget=False)
    assert journal.owner_is_dead(own.path)


def test_a_journal_that_is_gone_tells_nothing_of_its_owner(tmp_path: Path) -> None:
    own = Journal.create(tmp_path)
    own.close(forget=True)
    assert not own.path.exists()
    assert not journal.owner_is_dead(own.path)
