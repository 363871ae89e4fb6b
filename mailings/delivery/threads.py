"""What comes after a thread."""

import threading
from collections.abc import Callable


def afterwards(ended: threading.Event, then: Callable[[], None]) -> None:
    """
    Calls `then` when a thread has set `ended`: now if it has, else from yet another, as
    who wanted to wait for it was interrupted. (A `join` that was interrupted makes
    `is_alive` false on Python 3.11, while the thread goes on.)
    """
    if ended.is_set():
        then()
        return

    def wait() -> None:
        ended.wait()
        then()

    threading.Thread(target=wait, name="afterwards", daemon=True).start()
