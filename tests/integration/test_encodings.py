"""A PostgreSQL database that is not in UTF8: what goes, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from plato_email import ConfigurationError
from tests.support.databases import POSTGRES, fresh_database
from tests.support.scripted_server import ScriptedServer
from tests.support.sites import Host, hosted

pytestmark = pytest.mark.postgres


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A site whose database is in LATIN1."""
    with fresh_database("postgresql", tmp_path) as url:
        admin = create_engine(make_url(POSTGRES), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {url.database}"))
            rest = "ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
            connection.execute(text(f"CREATE DATABASE {url.database} {rest}"))
        admin.dispose()
        with hosted(url, tmp_path) as site:
            yield site


def test_character_that_the_database_lacks_is_told(host: Host) -> None:
    """Mail within LATIN1 is queued; beyond it nothing is, and the error names the cure only."""
    host.send(subject="Grüße", recipients=["Zoë <zoe@example.com>"])
    with pytest.raises(ConfigurationError, match=r"latin-1, .* encoding UTF8") as caught:
        host.send(subject="Code 123456 \u4e2d")
    assert "123456" not in f"{caught.value!r} {caught.value.__cause__!r}"
    with host.app.app_context():
        host.db.session.rollback()
    assert [row.subject for row in host.site.outbox.messages()] == ["Grüße"]


def test_servers_words_beyond_the_encoding_stop_no_sender(host: Host) -> None:
    """What cannot be stored of a reply is escaped; the mail is recorded, and sent once."""
    with ScriptedServer({".": "250 2.0.0 \u597d, grüß dich"}) as server:
        host.configure(server.port)
        number = host.send()
        host.rounds()
        host.rounds()
        assert len(server.mails) == 1
    row = host.site.outbox.message(number)
    assert row is not None
    assert (row.state, "\\u597d, grüß dich" in row.reply) == ("sent", True)
