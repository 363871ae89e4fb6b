"""The clock that leases and budgets go by."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Seconds that go on while the machine or the process sleeps."""
    return time.clock_gettime(_CLOCK)
