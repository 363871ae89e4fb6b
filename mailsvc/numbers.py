"""Numbers as the reader's language writes them."""

from django.utils.formats import number_format


def grouped(number: int) -> str:
    """With a mark between thousands, for words that are put together in Python."""
    return number_format(number, force_grouping=True)
