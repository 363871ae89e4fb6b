"""Services are kept running, one thread for all."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from mailsvc.supervisor import Child, Service, Supervisor

ENV = dict(os.environ)


def _python(code: str, **settings: object) -> Service:
    command = [sys.executable, "-u", "-c", code]
    return Service(name="part", command=command, **settings)  # type: ignore[arg-type]


def _run(*services: Service, until_said: str, tmp_path: Path) -> list[str]:
    """Runs them until something is said, then asks for the end."""
    said: list[str] = []
    threads = threading.active_count()

    def say(line: str) -> None:
        said.append(line)
        if until_said in line:
            os.kill(os.getpid(), signal.SIGTERM)

    usual = {each: signal.getsignal(each) for each in (2, 15, signal.SIGHUP)}
    try:
        Supervisor(services, cwd=tmp_path, env=ENV, say=say, when_up=lambda: None).run()
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    assert threading.active_count() == threads  # see the module: why it has none
    return said


def test_what_a_service_writes_is_shown_with_its_name(tmp_path: Path) -> None:
    service = _python("print('one'); print('two'); import time; time.sleep(60)")
    said = _run(service, until_said="two", tmp_path=tmp_path)
    assert said[1:3] == ["part    | one", "part    | two"]


def test_last_words_are_heard_though_the_line_is_not_finished(tmp_path: Path) -> None:
    service = _python("print('last words', end='')")
    said = _run(service, until_said="unexpectedly", tmp_path=tmp_path)
    assert said[1] == "part    | last words"


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    service = _python("import os; os.write(1, b'\\xff\\n')")
    said = _run(service, until_said="unexpectedly", tmp_path=tmp_path)
    assert said[1] == "part    | \N{REPLACEMENT CHARACTER}"


def test_a_lot_of_output_is_shown_in_full(tmp_path: Path) -> None:
    service = _python("for n in range(30_000): print('line', n)")
    said = _run(service, until_said="unexpectedly", tmp_path=tmp_path)
    lines = [line for line in said if line.startswith("part    | line")]
    assert lines == [f"part    | line {n}" for n in range(30_000)]


def test_a_service_that_ends_is_started_again_and_this_is_said(tmp_path: Path) -> None:
    service = _python("print('begun'); raise SystemExit(3)")
    said = _run(service, until_said="in 2 s", tmp_path=tmp_path)
    assert said[1:5] == [
        "part    | begun",
        "part ended unexpectedly (exit code 3); it is started again in 1 s.",
        "part    | begun",
        "part ended unexpectedly (exit code 3); it is started again in 2 s.",
    ]


def test_a_service_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf');"
    service = _python(code + "time.sleep(60)", grace=0.3)
    began = time.monotonic()
    said = _run(service, until_said="deaf", tmp_path=tmp_path)
    assert time.monotonic() - began < 10
    assert said[-2:] == [
        "part does not end by itself: killed.",
        "Everything has ended.",
    ]


def test_a_later_stage_ends_later(tmp_path: Path) -> None:
    says = (
        "import pathlib, signal, sys, time; signal.signal(15, lambda *_: sys.exit({}));"
    )
    late = _python(
        says.format("'late'") + "pathlib.Path('up').touch(); time.sleep(60)", stage=1
    )
    early = _python(
        says.format("'early'")
        + "[time.sleep(0.01) for _ in iter(pathlib.Path('up').exists, True)];"
        + "print('both are up'); time.sleep(60)"
    )
    said = _run(late, early, until_said="both are up", tmp_path=tmp_path)
    assert said[2:] == [
        "Stopping…",
        "part    | early",
        "part    | late",
        "Everything has ended.",
    ]


def test_the_pauses_between_restarts_grow_to_half_a_minute(tmp_path: Path) -> None:
    child = Child(_python(""), cwd=tmp_path, env=ENV)
    child._started_at = time.monotonic()
    assert [child.plan_restart() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_long_good_time_makes_failures_forgotten(tmp_path: Path) -> None:
    child = Child(_python(""), cwd=tmp_path, env=ENV)
    child._started_at = time.monotonic()
    child.plan_restart()
    child._started_at = time.monotonic() - 61
    assert child.plan_restart() == 1
