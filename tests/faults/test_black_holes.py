"""Connections to a database that are dead without a word: packets vanish, nothing is closed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import DBAPIError

from plato_email.connecting import UNHEARD, arguments
from plato_email.database import Database
from tests.support.blackhole import Network
from tests.support.databases import KINDS
from tests.support.nursery import Nursery, nursery
from tests.support.proxy import Proxy
from tests.support.queue_facts import rows, wait_for_states
from tests.support.sink import Sink, queue
from tests.support.sites import Host

SERVERS = KINDS[2:]
IN_TIME = 25.0
"""Seconds: 15 are promised, and the machine may be busy."""
SLEEP = {"postgresql": "SELECT pg_sleep({})", "mysql": "SELECT SLEEP({})"}


@pytest.fixture
def network() -> Iterator[Network]:
    """What lies between the senders and their database."""
    with Network() as made:
        yield made


@pytest.fixture
def far_url(url: URL, network: Network) -> Iterator[URL]:
    """The same database, on the far side of ``network``."""
    assert url.host is not None
    assert url.port is not None
    with Proxy(url.host, url.port, address=network.address, make_socket=network.socket) as proxy:
        yield url.set(host=network.address, port=proxy.port)


@pytest.fixture
def senders(host: Host, far_url: URL, tmp_path: Path) -> Iterator[Nursery]:
    """Sender processes that reach their database through ``network``."""
    far = far_url.render_as_string(hide_password=False)
    with nursery(host, tmp_path, PLATO_TEST_DATABASE=far) as started:
        yield started


@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_case_r5_black_holed_connections_are_given_up(
    host: Host, network: Network, senders: Nursery, sink: Sink
) -> None:
    """The only sender goes on by itself, over new connections, and sends nothing twice."""
    host.configure(sink.port, poll_interval=1)
    ids = queue(host, 1)
    senders.start()
    wait_for_states(host, sent=1)
    network.swallow_what_flows()
    ids += queue(host, 5)
    sink.wait_for_all(ids, timeout=IN_TIME)
    wait_for_states(host, sent=6, timeout=IN_TIME)
    assert {i: len(each) for i, each in sink.copies().items()} == dict.fromkeys(ids, 1)
    assert {(row.attempts, row.unknowns) for row in rows(host).values()} == {(1, 0)}


@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_case_r5_statement_that_will_never_be_answered(far_url: URL, network: Network) -> None:
    """A statement under way is given up as well when the other end is not there any more."""
    database = Database(lambda: (far_url, {}))
    with database.engine.connect() as connection, ThreadPoolExecutor(1) as pool:
        asleep = text(SLEEP[connection.dialect.name].format(120))
        waiting = pool.submit(connection.execute, asleep)
        time.sleep(1)
        network.swallow_what_flows()
        error = waiting.exception(timeout=IN_TIME)
        assert isinstance(error, DBAPIError)
        assert error.connection_invalidated
    database.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_case_r5_long_statement_is_not_cut(far_url: URL) -> None:
    """However long a statement takes, it is waited for while the other end is there."""
    database = Database(lambda: (far_url, {}))
    asleep = text(SLEEP[database.engine.dialect.name].format(UNHEARD + 5))
    assert len(database.read(lambda c: c.execute(asleep).all(), patience=0)) == 1
    database.dispose()


def test_case_r5_arguments_of_the_site_win() -> None:
    """What the site says, in its URL or its connect arguments, is left as it is."""
    url = make_url("postgresql+psycopg://db/site?keepalives_idle=600&sslmode=require")
    found = arguments(url, {"connect_timeout": 3, "tcp_user_timeout": 0})
    assert found == {
        "connect_timeout": 3,
        "keepalives_interval": 5,
        "keepalives_count": 2,
        "tcp_user_timeout": 0,
    }
    assert arguments(make_url("mysql+pymysql://db/site?connect_timeout=3"), {}) == {}
    assert arguments(make_url("mysql+mysqldb://db/site"), {"ssl": {}}) == {"ssl": {}}
    assert arguments(make_url("sqlite:///site.db"), {}) == {"timeout": 30}
