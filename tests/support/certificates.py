"""A certificate authority for tests, and servers with good and bad certificates."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID


class Authority:
    """An authority whose root is in ``ca_file``, and contexts for servers on this machine."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self.ca_file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.ca_file)

    @cached_property
    def good(self) -> ssl.SSLContext:
        """Valid for localhost, 127.0.0.1 and mail.example.test."""
        return _context(self._ca.issue_cert("localhost", "127.0.0.1", "mail.example.test"))

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
                not_before=now - timedelta(days=30),
                not_after=now - timedelta(days=1),
            )
        )

    @cached_property
    def early(self) -> ssl.SSLContext:
        """For the right name, from tomorrow on."""
        now = datetime.now(UTC)
        return _context(
            self._ca.issue_cert(
                "localhost",
                "127.0.0.1",
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
        context = _context(self._ca.issue_cert("localhost", "127.0.0.1"))
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
        return _context(trustme.CA().issue_cert("localhost", "127.0.0.1"))

    @cached_property
    def between(self) -> ssl.SSLContext:
        """For the right name, made on the way by what inspects TLS."""
        proxy = trustme.CA(organization_name="Zscaler Inc.")
        return _context(proxy.issue_cert("localhost", "127.0.0.1"))

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
        context = _context(self._ca.issue_cert("localhost", "127.0.0.1"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        return context

    def _forged(
        self, name: str, key: rsa.RSAPrivateKey, *extensions: x509.ExtensionType
    ) -> ssl.SSLContext:
        """A certificate of our authority that trustme would not issue."""
        root = x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())
        signer = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        now = datetime.now(UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        builder = (
            x509.CertificateBuilder(root.subject)
            .subject_name(x509.Name([]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
            )
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        path = self._folder / f"{name}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        certificate = builder.sign(signer, hashes.SHA256())
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(path)
        return context


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
