"""A certificate authority for tests, and servers with good and bad certificates."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import trustme


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
    def unknown(self) -> ssl.SSLContext:
        """For the right name, from an authority that is not in ``ca_file``."""
        return _context(trustme.CA().issue_cert("localhost", "127.0.0.1"))

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


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
