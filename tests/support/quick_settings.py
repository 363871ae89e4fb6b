"""mailsvc's settings for processes in tests that can't wait: quick leases, retries."""

from mailsvc.settings import *  # noqa: F403
from mailsvc.settings import DELIVERY

DELIVERY |= {"lease": 5.0, "retry_delays": [1.0, 2.0, *[5.0] * 9]}
