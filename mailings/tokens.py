"""
The token in a recipient's address for unsubscribing. Pure.

The number of the delivery, and 128 bits that only who knows the run's own secret can
make: no column per delivery, and nothing to do with SECRET_KEY, which may be changed
while letters with links lie in mailboxes.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import blake2b

# Where the links lead, for `urls.py`; whoever makes a million of them needs no views.
PATH = "u/<str:token>/"
_BYTES = 16
# In the place of a run's secret, for tests and previews: the link can tell it is one.
OF_TESTS = "test"


def new_secret() -> str:
    """For one run."""
    return secrets.token_urlsafe(32)


def token(secret: str, delivery_id: int) -> str:
    # BLAKE2 is a MAC by itself (RFC 7693 2.9), and made for each letter in a moment.
    key, number = secret.encode(), b"%d" % delivery_id
    digest = blake2b(number, key=key, digest_size=_BYTES).digest()
    return f"{delivery_id}-{urlsafe_b64encode(digest)[:-2].decode()}"  # less the "=="


def delivery_of(text: str) -> int | None:
    """The delivery that a token speaks of; `is_genuine` tells whether it may."""
    number = text.partition("-")[0]
    is_key = number.isascii() and number.isdigit() and len(number) < 19
    return int(number) if is_key else None


def is_of_a_test(text: str) -> bool:
    number = delivery_of(text)
    return number is not None and is_genuine(text, OF_TESTS, number)


def is_genuine(text: str, secret: str, delivery_id: int) -> bool:
    return hmac.compare_digest(text.encode(), token(secret, delivery_id).encode())
