"""How an event loop waits: not before all is done."""

import selectors
from collections.abc import Callable


class BeforeWaiting(selectors.DefaultSelector):
    """
    A loop's selector. Calls `work` when everything has been done that could be done at
    once, before it waits for more.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self._work = work

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        self._work()
        return super().select(timeout)
