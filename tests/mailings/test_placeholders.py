import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailings import placeholders

VALUES = {name: f"<{name}>" for name in placeholders.NAMES}


def test_known_names_are_filled_in_however_they_are_spaced() -> None:
    text = "{{full_name}}, {{ email }}; {{\tdate\n}}"
    assert placeholders.fill(text, VALUES) == "<full_name>, <email>; <date>"
    assert placeholders.unknown(text) == []


def test_unknown_ones_are_told_once_each_in_order() -> None:
    text = "{{ name }} {{ email }} {{x}} {{ name }} {{ Full_Name }} {{}}"
    assert placeholders.unknown(text) == ["name", "x", "Full_Name", ""]


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("{{ a {{ full_name }}", ["a {{ full_name"]),
        ("{{{ full_name }}}", ["{ full_name"]),
        ("{{ full_name } and {{ email }}", ["full_name } and {{ email"]),
        ("{{ " + "x" * 100 + " }}", ["x" * 40]),
        ("{ full_name } }} {", []),
        ("Dear {{ full_name, hello", ["{{ full_name, hello"]),
        ("{{ email }} {{ full_name", ["{{ full_name"]),
    ],
)
def test_a_slip_of_the_pen_is_found(text: str, unknown: list[str]) -> None:
    assert placeholders.unknown(text) == unknown


@pytest.mark.parametrize(
    "text",
    [
        "{% load x %}{{ user.password }}",
        '{{ "a"|ljust:"100000000" }}',
        "{{ full_name|upper }}",
        "{full_name:>50000000} %(full_name)s $full_name",
        "{{ full_name.__class__ }}",
    ],
)
def test_a_text_is_never_run_as_a_template(text: str) -> None:
    assert placeholders.fill(text, VALUES) == text


def test_a_value_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    values = {"full_name": "{{ email }}", "email": "ann@example.com"}
    filled = placeholders.fill("{{ full_name }}", values)
    assert filled == "{{ email }}"


def test_a_missing_value_is_nothing() -> None:
    assert placeholders.fill("Dear {{ full_name }}!", {}) == "Dear !"


def test_a_text_is_cut_at_its_placeholders() -> None:
    text = "Dear {{ full_name }},\n{{ x }}{{email}}"
    assert placeholders.split(text) == [
        "Dear ",
        "full_name",
        ",\n{{ x }}",
        "email",
        "",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{{" + " " * 200_000,
        "{{" * 100_000,
        "{{ " * 60_000,
        "{{ full_name" + " " * 99_999,
    ],
    ids=["spaces", "braces", "both", "never closed"],
)
def test_no_text_keeps_the_server_busy(text: str) -> None:
    began = time.perf_counter()
    placeholders.unknown(text)
    assert placeholders.fill(text, VALUES) == text
    assert time.perf_counter() - began < 1


# Texts full of what matters here.
_pieces = st.one_of(
    st.sampled_from(["{{", "}}", "{", "}", " ", "\n", *placeholders.NAMES]),
    st.sampled_from([f"{{{{ {name} }}}}" for name in placeholders.NAMES]),
    st.text(max_size=5),
)
texts = st.lists(_pieces, max_size=30).map("".join)
fillings = st.fixed_dictionaries({name: st.text() for name in placeholders.NAMES})


@given(texts, fillings)
def test_what_is_cut_once_and_joined_is_what_is_filled_in(
    text: str, values: dict[str, str]
) -> None:
    parts = placeholders.split(text)
    joined = [values[part] if place % 2 else part for place, part in enumerate(parts)]
    assert "".join(joined) == placeholders.fill(text, values)


@given(texts, fillings)
def test_in_a_text_without_unknown_ones_no_pair_of_braces_is_left(
    text: str, values: dict[str, str]
) -> None:
    if not placeholders.unknown(text):
        literals = placeholders.split(text)[::2]
        assert all(placeholders.unknown(literal) == [] for literal in literals)


@given(st.text())
def test_a_text_without_braces_is_left_alone(text: str) -> None:
    text = text.replace("{", "(")
    assert placeholders.fill(text, VALUES) == text
    assert placeholders.unknown(text) == []
