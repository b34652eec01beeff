"""A certificate authority for tests, and servers with good and bad certificates."""

from __future__ import annotations

import base64
import ssl
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = ("localhost", "mail.example.test")
"""The names of a server on this machine."""

Issuer = tuple[x509.Certificate, "ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey"]

_OAKLEY_2 = bytes.fromhex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E34"
    "04DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6"
    "F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
)
"""The prime of 1024 bits that many a server still uses (RFC 2409 section 6.2)."""


class Authority:
    """An authority whose root is in ``ca_file``, and contexts for servers on this machine."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self._valid: dict[str, ssl.SSLContext] = {}
        self.ca_file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.ca_file)

    @cached_property
    def good(self) -> ssl.SSLContext:
        """Valid for localhost, 127.0.0.1 and mail.example.test."""
        return _context(self._ca.issue_cert("localhost", "127.0.0.1", "mail.example.test"))

    def valid_for(self, name: str) -> ssl.SSLContext:
        """Valid for one name, or for an IP address."""
        if name not in self._valid:
            self._valid[name] = _context(self._ca.issue_cert(name))
        return self._valid[name]

    @cached_property
    def wrong_name(self) -> ssl.SSLContext:
        """Valid, for somebody else."""
        return _context(self._ca.issue_cert("smtp.other.test", "mx.other.test"))

    @cached_property
    def expired(self) -> ssl.SSLContext:
        """For the right name, until yesterday."""
        now = datetime.now(UTC)
        return _context(
            self._ca.issue_cert(
                "localhost",
                "127.0.0.1",
                "mail.example.test",
                not_before=now - timedelta(days=30),
                not_after=now - timedelta(days=1),
            )
        )

    @cached_property
    def just_expired(self) -> ssl.SSLContext:
        """For the right name, until a few minutes ago."""
        now = datetime.now(UTC)
        long_ago, lately = now - timedelta(days=30), now - timedelta(minutes=2)
        names = ("localhost", "127.0.0.1", "mail.example.test")
        return _context(self._ca.issue_cert(*names, not_before=long_ago, not_after=lately))

    @cached_property
    def early(self) -> ssl.SSLContext:
        """For the right name, from tomorrow on."""
        now = datetime.now(UTC)
        return _context(
            self._ca.issue_cert(
                "localhost",
                "127.0.0.1",
                "mail.example.test",
                not_before=now + timedelta(days=1),
                not_after=now + timedelta(days=30),
            )
        )

    @cached_property
    def weak(self) -> ssl.SSLContext:
        """For the right name, with a key of 1024 bits."""
        return self._forged("weak", rsa.generate_private_key(65537, 1024))

    @cached_property
    def for_clients(self) -> ssl.SSLContext:
        """For the right name, but not for servers."""
        return self._forged(
            "for-clients",
            rsa.generate_private_key(65537, 2048),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
        )

    @cached_property
    def wary(self) -> ssl.SSLContext:
        """Valid, and asking the client for a certificate."""
        context = _context(self._ca.issue_cert("localhost", "127.0.0.1", "mail.example.test"))
        context.load_verify_locations(self.ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    @cached_property
    def anonymous(self) -> ssl.SSLContext:
        """Without a cipher that a careful client would take."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("aNULL:@SECLEVEL=0")
        return context

    @cached_property
    def unknown(self) -> ssl.SSLContext:
        """For the right name, from an authority that is not in ``ca_file``."""
        return _context(trustme.CA().issue_cert("localhost", "127.0.0.1", "mail.example.test"))

    @cached_property
    def between(self) -> ssl.SSLContext:
        """For the right name, made on the way by what inspects TLS."""
        proxy = trustme.CA(organization_name="Zscaler Inc.")
        return _context(proxy.issue_cert("localhost", "127.0.0.1", "mail.example.test"))

    @cached_property
    def old_chain(self) -> ssl.SSLContext:
        """For the right name and valid; the certificate of its issuer has expired."""
        return self._chained("old-chain", days=-1, sent=True)

    @cached_property
    def no_chain(self) -> ssl.SSLContext:
        """For the right name and valid; the certificate of its issuer is not sent."""
        return self._chained("no-chain", days=30, sent=False)

    @cached_property
    def common_name(self) -> ssl.SSLContext:
        """For another name, which is its common name alone."""
        key = rsa.generate_private_key(65537, 2048)
        return self._forged("common-name", key, common_name="smtp.other.test")

    @cached_property
    def misplaced_address(self) -> ssl.SSLContext:
        """For 127.0.0.1, which is its common name and no alternative name."""
        key = rsa.generate_private_key(65537, 2048)
        return self._forged("misplaced-address", key, common_name="127.0.0.1")

    def issue(self, *names: str) -> ssl.SSLContext:
        """Valid, for these names."""
        return _context(self._ca.issue_cert(*names))

    @cached_property
    def short_key(self) -> ssl.SSLContext:
        """Valid, with a Diffie-Hellman key of 1024 bits and no other way to exchange keys."""
        context = self._forged("short-key", rsa.generate_private_key(65537, 2048))
        path = self._folder / "short-dh.pem"
        # PKCS #3: a sequence of the prime and the generator 2.
        der = b"\x30\x81\x87\x02\x81\x81\x00" + _OAKLEY_2 + b"\x02\x01\x02"
        pem = base64.encodebytes(der).decode()
        path.write_text(f"-----BEGIN DH PARAMETERS-----\n{pem}-----END DH PARAMETERS-----\n")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
        context.load_dh_params(str(path))
        return context

    @cached_property
    def self_signed(self) -> ssl.SSLContext:
        """Signed by nobody but itself."""
        lone = trustme.CA()
        path = self._folder / "self-signed.pem"
        path.write_bytes(lone.private_key_pem.bytes() + lone.cert_pem.bytes())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    @cached_property
    def old(self) -> ssl.SSLContext:
        """Speaks nothing newer than TLS 1.1."""
        context = _context(self._ca.issue_cert("localhost", "127.0.0.1", "mail.example.test"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        return context

    def _forged(
        self,
        name: str,
        key: rsa.RSAPrivateKey,
        *extensions: x509.ExtensionType,
        common_name: str = "",
    ) -> ssl.SSLContext:
        """A certificate of our authority that trustme would not issue."""
        certificate = _sign(key, self._root, common_name=common_name, extensions=extensions)
        return self._serving(name, key, certificate)

    def _chained(self, name: str, *, days: int, sent: bool) -> ssl.SSLContext:
        """A valid certificate whose issuer's, between it and the root, is valid for ``days``."""
        key, between = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        issuer = _sign(
            between,
            self._root,
            common_name="Intermediate",
            extensions=[x509.BasicConstraints(ca=True, path_length=None)],
            days=days,
        )
        certificate = _sign(key, (issuer, between))
        return self._serving(name, key, certificate, *[issuer] * sent)

    @property
    def _root(self) -> Issuer:
        root = x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())
        signer = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        return root, signer

    def _serving(
        self, name: str, key: rsa.RSAPrivateKey, *chain: x509.Certificate
    ) -> ssl.SSLContext:
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = self._folder / f"{name}.pem"
        pem = (each.public_bytes(serialization.Encoding.PEM) for each in chain)
        path.write_bytes(private + b"".join(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(path)
        return context


def _sign(
    key: rsa.RSAPrivateKey,
    issuer: Issuer,
    *,
    common_name: str = "",
    extensions: Sequence[x509.ExtensionType] = (),
    days: int = 1,
) -> x509.Certificate:
    """Sign one for this machine and mail.example.test, or for ``common_name`` and no other."""
    above, signer = issuer
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(above.subject)
        .subject_name(x509.Name(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    if not common_name:
        names = [*map(x509.DNSName, NAMES), x509.IPAddress(ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    for extension in extensions:
        critical = isinstance(extension, x509.BasicConstraints)
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer, hashes.SHA256())


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
