import errno
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

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


def test_an_outcome_goes_along_with_the_next_line_or_by_itself(tmp_path: Path) -> None:
    """Until then just the letter is in doubt that its connection is about."""
    own = Journal.create(tmp_path)
    own.handing_over(1)
    own.received(result(1))
    assert journal.read(own.path).in_doubt == {1}
    own.handing_over(2)
    assert journal.read(own.path).in_doubt == {2}
    own.received(result(2))
    own.flush()
    assert journal.read(own.path).results.keys() == {1, 2}
    own.close(forget=True)


def test_no_outcome_is_left_behind_when_it_is_closed(tmp_path: Path) -> None:
    own = Journal.create(tmp_path)
    own.received(result(1))
    own.close(forget=False)
    assert journal.read(own.path).results == {1: result(1)}


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


def test_it_is_told_apart_from_one_with_lines_that_nobody_understands(
    tmp_path: Path,
) -> None:
    """What can be read counts; that something can't be is said."""
    path = tmp_path / "x.journal"
    path.write_bytes(b"D 1\nN 1\n")
    assert journal.read(path) == journal.Testimony({}, frozenset(), is_whole=True)
    path.write_bytes(b"D 1\nR [what?\nD 2\n")
    assert journal.read(path) == journal.Testimony(
        {}, frozenset({1, 2}), is_whole=False
    )


def test_nothing_more_is_said_after_half_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Journal.create(tmp_path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:3]))
    with pytest.raises(OSError, match=r"^Only 3 of 4 bytes were written\.$"):
        own.handing_over(1)
    monkeypatch.undo()
    with pytest.raises(OSError, match=r"^The journal can't be written to\.$"):
        own.handing_over(2)
    own.close(forget=True)


def test_an_outcome_that_could_not_be_written_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else later lines would hide that one outcome is missing."""
    own = Journal.create(tmp_path)
    own.handing_over(1)
    own.received(result(1))
    write = os.write

    def full(file: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        own.handing_over(2)
    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match=r"^The journal can't be written to\.$"):
        own.handing_over(3)
    assert journal.read(own.path).in_doubt == {1}
    own.close(forget=True)


def test_it_is_for_its_owners_eyes_in_a_directory_that_is_made(tmp_path: Path) -> None:
    own = Journal.create(tmp_path / "var" / "journal")
    assert stat.S_IMODE(own.path.stat().st_mode) == 0o600
    own.close(forget=True)


def test_what_is_put_aside_is_taken_from_its_owner_and_can_be_read(
    tmp_path: Path,
) -> None:
    own = Journal.create(tmp_path)
    own.handing_over(1)
    assert not own.is_taken
    aside = journal.take(own.path)
    assert own.is_taken
    assert journal.take(own.path) == aside  # who was killed there takes it once more
    assert journal.read(aside).in_doubt == {1}
    own.close(forget=True)  # though it is gone


def test_the_boot_of_the_machine_has_a_name_that_stays() -> None:
    found = journal.boot_id()
    assert found == journal.boot_id()
    path = Path("/proc/sys/kernel/random/boot_id")
    assert found == (path.read_text().strip() if path.exists() else "")
