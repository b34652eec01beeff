"""One Postfix for all tests of this folder; each has a site of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.databases import SQLITE_WAL, fresh_database
from tests.support.postfix import Postfix
from tests.support.sites import Host, hosted
from tests.support.smtp_servers import Catcher

USER, PASSWORD = "site@example.com", "correct horse"


class Mailhub:
    """A Postfix, the server behind it that keeps what it hands on, and their authority."""

    def __init__(self, postfix: Postfix, behind: Catcher, ca_file: Path) -> None:
        self.postfix = postfix
        self.behind = behind
        self.ca_file = ca_file


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailhub]:
    """A Postfix that hands on to a catcher."""
    authority = trustme.CA()
    ca_file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    good = _pem(authority.issue_cert("localhost", "127.0.0.1"))
    other = _pem(authority.issue_cert("mail.other.test"))
    with (
        Catcher() as behind,
        Postfix(behind.port, good, other, {USER.partition("@")[0]: PASSWORD}) as postfix,
    ):
        yield Mailhub(postfix, behind, ca_file)


@pytest.fixture
def mailhub(running: Mailhub) -> Mailhub:
    """The same, as if nothing had happened yet."""
    running.postfix.forget()
    running.behind.clear()
    return running


@pytest.fixture
def site(mailhub: Mailhub, tmp_path: Path) -> Iterator[Host]:
    """A site that trusts the authority of Postfix's certificates."""
    with (
        fresh_database(SQLITE_WAL, tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_CA_FILE=str(mailhub.ca_file)) as host,
    ):
        yield host


def _pem(certificate: trustme.LeafCert) -> bytes:
    chain = b"".join(each.bytes() for each in certificate.cert_chain_pems)
    return certificate.private_key_pem.bytes() + chain
