"""
The work that everybody does: so many recipients, a personal text and HTML each.

Plain Python: our process, the peers' and the table's all import it.
"""

from collections.abc import Iterator

SENDER = "News <news@example.org>"
SUBJECT = "{{ full_name }}, новинки недели и скидки до конца месяца"
_GREETING = "Здравствуйте, {{ full_name }}!"
_PARAGRAPH = (
    "На этой неделе мы получили новые книги, пластинки и настольные игры, и хотим,"
    " чтобы вы узнали о них первыми: цены снижены, доставка по городу бесплатна. "
)
_WHY = "Это письмо отправлено на {{ email }}."
TEXT = "\n\n".join([_GREETING, *[_PARAGRAPH] * 4, _WHY]) + "\n"
HTML = (
    f"<html><body><h1>{_GREETING}</h1>\n"
    + f'<p style="font-family: sans-serif; color: #223">{_PARAGRAPH}</p>\n' * 8
    + f"<p>{_WHY}</p></body></html>\n"
)
WIRE_BYTES = 6_500  # of such a message, about: what smtp-source is told to send


def recipients(number: int) -> Iterator[tuple[str, str]]:
    """(address, name), each address once."""
    for each in range(number):
        yield f"user{each}@example.com", f"Иван Петров-{each}"


def filled(text: str, *, email: str, full_name: str) -> str:
    return text.replace("{{ full_name }}", full_name).replace("{{ email }}", email)
