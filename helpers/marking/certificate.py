"""Who signs a result: the user's certificate, or a test certificate that this machine makes."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ParameterError
from ..params import Params

FILE = "signer.pem"  # private key, certificate, its authority's certificate
ORGANISATION = "lipsync-notebooks test certificate"
YEARS = 10
END = b"-----END PRIVATE KEY-----\n"


@dataclass(frozen=True)
class Credentials:
    """PEM of a chain, the signer's certificate first, and of its private key, which signs by
    ``algorithm`` (C2PA's names).
    """

    chain: bytes
    key: bytes
    algorithm: str


def credentials(p: Params) -> Credentials:
    """Those of ``sign_cert`` and ``sign_key``, else this machine's own, made at first use.

    Raises ParameterError if a file cannot be used, OSError if the own ones cannot be kept.
    """
    if not (p.sign_cert or p.sign_key):
        return own_credentials()

    if not (p.sign_cert and p.sign_key):
        raise ParameterError("sign_cert and sign_key belong together; give both or neither")

    chain = _read("sign_cert", p.sign_cert)
    key = _read("sign_key", p.sign_key)
    return Credentials(chain, key, _algorithm(p.sign_key, key))


def own_path() -> Path:
    """Where this machine's own credentials are kept, in the user's configuration folder."""
    import platformdirs

    return platformdirs.user_config_path("lipsync-notebooks") / FILE


def own_credentials() -> Credentials:
    """This machine's own; whoever has the same file can sign with it. Raises OSError."""
    path = own_path()
    if not path.exists():
        _keep(path, _new_pem())

    key, _, chain = path.read_bytes().partition(END)
    return Credentials(chain, key + END, "es256")


def own_serial() -> int | None:
    """Serial number of this machine's own certificate, None if it has none yet."""
    from cryptography import x509

    if not own_path().exists():
        return None
    return x509.load_pem_x509_certificate(own_credentials().chain).serial_number


def _read(name: str, path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ParameterError(f"{name}={path} cannot be read ({error.strerror})") from None


def _algorithm(path: str, pem: bytes) -> str:
    """C2PA's name of what a private key signs by. Raises ParameterError."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise ParameterError(
            f"sign_key={path} is no private key in PEM, or has a passphrase; give one without"
        ) from None

    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {256: "es256", 384: "es384", 521: "es512"}[key.key_size]
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise ParameterError(f"sign_key={path} is of a kind that C2PA does not sign with")


def _keep(path: Path, pem: bytes) -> None:
    """Put a file that its owner alone may read in its place; one that is there first stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)

    try:
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()


def _new_pem() -> bytes:
    """A key, its certificate, and that of an authority whose own key is forgotten."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    chain = [_certificate(key, authority), _certificate(authority, authority)]
    return private + b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain)


def _certificate(key: Any, authority: Any) -> Any:
    """An X.509 certificate with what C2PA asks of a signer's, or of its authority's."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    is_authority = key is authority
    issuer = _name("authority")
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(KEY_USAGES, False)
    wanted = ("key_cert_sign", "crl_sign") if is_authority else ("digital_signature",)
    usage |= dict.fromkeys(wanted, True)

    made = (
        x509.CertificateBuilder()
        .subject_name(issuer if is_authority else _name("signer"))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), False
        )
    )
    if not is_authority:
        mail = x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION
        made = made.add_extension(x509.ExtendedKeyUsage([mail]), False)

    return made.sign(authority, hashes.SHA256())


KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _name(of: str) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    names = [(NameOID.ORGANIZATION_NAME, ORGANISATION), (NameOID.COMMON_NAME, of)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in names])
