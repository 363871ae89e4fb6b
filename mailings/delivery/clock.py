"""The clock that leases and budgets go by."""

import time


def clock() -> float:
    """Seconds that go on while the machine or the process sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
