"""
mailsvc's settings for processes in tests that can't wait: quick leases, retries. On
SIGUSR1 a process tells where all its threads are.
"""

import faulthandler
import signal

from mailsvc.settings import *  # noqa: F403
from mailsvc.settings import DELIVERY

faulthandler.register(signal.SIGUSR1)
DELIVERY |= {"lease": 5.0, "retry_delays": [1.0, 2.0, *[5.0] * 9]}
