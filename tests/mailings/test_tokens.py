"""What a token tells, and that nobody else can make one."""

import pytest

from mailings import tokens


def test_a_token_is_short_and_fits_into_an_address() -> None:
    made = tokens.token(tokens.new_secret(), 10**12)
    assert len(made) == 13 + 1 + 22
    assert set(made) <= set(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
    )


def test_it_speaks_of_its_delivery_and_is_the_same_each_time() -> None:
    made = tokens.token("secret", 42)
    assert made == tokens.token("secret", 42)
    assert tokens.delivery_of(made) == 42
    assert tokens.is_genuine(made, "secret", 42)


@pytest.mark.parametrize("secret", ["", "Secret", "secret "])
def test_another_secret_makes_another_token(secret: str) -> None:
    assert not tokens.is_genuine(tokens.token(secret, 42), "secret", 42)


def test_the_proof_of_one_delivery_is_none_of_another() -> None:
    proof = tokens.token("secret", 42).partition("-")[2]
    assert not tokens.is_genuine(f"43-{proof}", "secret", 43)


@pytest.mark.parametrize("text", ["", "-", "x-y", "-1-x", "١-x", "9" * 19, "é", " 1-"])
def test_what_is_no_token_speaks_of_nothing(text: str) -> None:
    assert tokens.delivery_of(text) is None
    assert not tokens.is_genuine(text, "secret", 1)


def test_secrets_are_not_alike() -> None:
    assert len({tokens.new_secret() for _ in range(100)}) == 100
