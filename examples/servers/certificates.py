"""Certificates for servers that speak TLS: an authority of their own, one certificate for 127.0.0.1 and localhost, and
one for a client. Made in a few milliseconds and valid for a week unless asked for more, since the servers are thrown
away.
"""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

A_WEEK = dt.timedelta(days=7)
_CLOCKS_DIFFER_BY = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Certificates:
    """The files in PEM; the keys are readable to their owner alone."""

    authority_path: Path
    certificate_path: Path
    key_path: Path
    client_certificate_path: Path
    client_key_path: Path


def write_certificates(
    folder: Path, *, client_name: str = "watchword", valid_for: dt.timedelta = A_WEEK
) -> Certificates:
    """Make an authority, a certificate for a server on this machine and one for a client, and write them."""
    folder.mkdir(parents=True, exist_ok=True)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Watchword's throw-away authority")])
    authority = _sign(
        authority_name,
        authority_key.public_key(),
        authority_name,
        authority_key,
        [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), False),
            (_key_usage(signs_certificates=True), True),
        ],
        valid_for,
    )
    (authority_path := folder / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))

    def issue(file_name: str, common_name: str, *more: tuple[x509.ExtensionType, bool]) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
        extensions = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (issuer, False),
            (_key_usage(signs_certificates=False), True),
            *more,
        ]
        certificate = _sign(name, key.public_key(), authority_name, authority_key, extensions, valid_for)
        certificate_path, key_path = folder / f"{file_name}.pem", folder / f"{file_name}.key"
        certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_path.touch(mode=0o600)
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate_path, key_path

    addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    server = issue(
        "server",
        "localhost",
        (x509.SubjectAlternativeName(addresses), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    )
    client = issue("client", client_name, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False))
    return Certificates(authority_path, *server, *client)


def _sign(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    extensions: list[tuple[x509.ExtensionType, bool]],
    valid_for: dt.timedelta,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER_BY)
        .not_valid_after(now + valid_for)
    )
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, critical=is_critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
