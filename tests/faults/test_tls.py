"""Encryption that is wanted and not to be had: never plain text instead."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_django.fixtures import Settings

from tests.faults.conftest import Bench, Patience
from tests.support.smtp_script import CLOSE, HANG, Act, Steps, reply

pytestmark = pytest.mark.django_db

UseTls = Callable[..., None]


def certificate(
    directory: Path, *, address: str = "127.0.0.1", days: int = 2
) -> tuple[Path, Path]:
    """Signs itself; valid until `days` from now. Returns its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, address)])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    files = directory / "certificate.pem", directory / "key.pem"
    pem = serialization.Encoding.PEM
    files[0].write_bytes(signed.public_bytes(pem))
    files[1].write_bytes(
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


@pytest.fixture
def use_tls(
    bench: Bench, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> UseTls:
    """The server has a certificate like this, and we trust it or not."""

    def use(*, is_trusted: bool = True, **certificate_is: object) -> None:
        file, key = certificate(tmp_path, **certificate_is)  # type: ignore[arg-type]
        bench.server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        bench.server.tls.load_cert_chain(file, key)
        if is_trusted:
            ours = ssl.create_default_context(cafile=str(file))
            monkeypatch.setattr(ssl, "create_default_context", lambda: ours)
        settings.EMAIL_USE_TLS = True

    return use


def assert_nothing_was_told(bench: Bench) -> None:
    assert bench.server.received == []
    assert not any(line.startswith("MAIL") for line in bench.server.commands)


def test_encryption_works(bench: Bench, use_tls: UseTls) -> None:
    """
    S10. STARTTLS with a good certificate.

    Mail goes out encrypted: what the other rows are compared with.
    """
    use_tls()
    run = bench.run()
    bench.pump()
    bench.ends(run, planned=4, accepted=4, attempts=4)


def test_starttls_is_not_offered(bench: Bench, settings: Settings) -> None:
    """
    S10. STARTTLS is wanted and not offered.

    Our account's trouble: nobody is charged, nothing is sent in plain text.
    """
    settings.EMAIL_USE_TLS = True
    run = bench.run()
    assert "STARTTLS" in str(bench.pump().server_error)
    bench.is_untouched(run)
    assert_nothing_was_told(bench)


@pytest.mark.parametrize(
    "certificate_is",
    [
        pytest.param({"address": "127.0.0.9"}, id="wrong-name"),
        pytest.param({"days": -1}, id="expired"),
        pytest.param({"is_trusted": False}, id="untrusted"),
    ],
)
def test_a_bad_certificate(
    bench: Bench, use_tls: UseTls, certificate_is: dict[str, object]
) -> None:
    """
    S10. The certificate is for another name, expired, or of nobody we trust.

    Nothing is sent, nobody is charged, the reason is on screen.
    """
    use_tls(**certificate_is)
    run = bench.run()
    assert "certificate verify failed" in str(bench.pump().server_error)
    bench.is_untouched(run)
    assert_nothing_was_told(bench)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(454, "4.7.0 TLS not available"), id="454"),
        pytest.param(Steps(reply(220, "go"), b"what?\r\n" * 9, CLOSE), id="garbage"),
        pytest.param(HANG, id="hangs"),
        pytest.param(CLOSE, id="closes"),
    ],
)
def test_encryption_breaks(
    bench: Bench, use_tls: UseTls, answer: Act, patience: Patience
) -> None:
    """
    S10. STARTTLS is answered with 454, garbage, silence or the end.

    The server's fault: nobody is charged, nothing is sent in plain text.
    """
    patience("hello", 2)
    use_tls()
    bench.script(starttls=answer)
    run = bench.run()
    assert bench.pump().server_error
    bench.is_untouched(run)
    assert_nothing_was_told(bench)


def test_bytes_before_the_encryption(bench: Bench, use_tls: UseTls) -> None:
    """
    S11. Somebody in between adds replies to the 220 of STARTTLS (CVE-2011-0411).

    The connection is dropped before anything is believed.
    """
    use_tls()
    bench.script(starttls=reply(220, "go") + reply(250, "SIZE 1"))
    run = bench.run()
    words = "There was more than a reply to STARTTLS."
    assert bench.pump().server_error == words
    bench.is_untouched(run)
    assert_nothing_was_told(bench)
