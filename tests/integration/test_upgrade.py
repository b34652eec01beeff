"""How a site's tables follow ours: with Flask-Migrate, and with ``flask email upgrade``."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from click.testing import Result
from sqlalchemy import URL, MetaData, text

from plato_email.errors import ConfigurationError
from plato_email.tables import join_metadata
from plato_email.upgrade import Change, missing, upgrade
from tests.support.databases import SQLITE, fresh_database
from tests.support.senders import ROOT, environment
from tests.support.sites import Host, hosted
from tests.support.smtp_servers import Catcher

KINDS = (
    SQLITE,
    pytest.param("postgresql", marks=pytest.mark.postgres),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """An empty database of each kind in turn."""
    with fresh_database(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def host(url: URL, tmp_path: Path) -> Iterator[Host]:
    """A site with the tables of today."""
    with hosted(url, tmp_path) as site:
        yield site


@contextmanager
def emptied(url: URL, folder: Path) -> Iterator[Host]:
    """A site that nobody has made the tables of yet."""
    with hosted(url, folder) as host:
        with host.app.app_context():
            host.db.drop_all()
        yield host


def differences(host: Host) -> list[Any]:
    """Return what Alembic would change."""
    with host.app.app_context(), host.db.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, host.db.metadata))


def lacking(host: Host) -> set[tuple[str, str]]:
    """Return the kind and name of each thing that is missing."""
    found = host.site.database.read(lambda c: missing(c, host.site.tables))
    return {(change.kind, change.name) for change in found}


def alter(host: Host, change: Callable[[Operations], None]) -> None:
    """Change the tables, as a version before ours would have left them."""
    with host.app.app_context(), host.db.engine.begin() as connection:
        change(Operations(MigrationContext.configure(connection)))


def make_older(host: Host) -> None:
    """Take away a table, an index, and columns: without a value, with one, and a unique one."""

    def change(op: Operations) -> None:
        op.drop_table("plato_email_process")
        op.drop_index("ix_plato_email_take_at", "plato_email_take")
        with op.batch_alter_table("plato_email_settings") as settings:
            settings.drop_column("tested_title")
        with op.batch_alter_table("plato_email_message") as message:
            message.drop_column("unknowns")
            message.drop_column("idempotency_key")

    alter(host, change)


OLDER = {
    ("table", "plato_email_process"),
    ("index", "ix_plato_email_take_at"),
    ("column", "tested_title"),
    ("column", "unknowns"),
    ("column", "idempotency_key"),
    ("unique", "idempotency_key"),
}


class TestFlaskMigrate:
    def test_created_tables_need_no_migration(self, host: Host) -> None:
        """After ``db.create_all()`` Alembic finds nothing to change."""
        assert differences(host) == []

    def test_second_migration_is_empty(self, url: URL, tmp_path: Path) -> None:
        """After ``flask db migrate`` and ``upgrade`` the next migration has nothing to do."""
        script = (
            "from flask_migrate import Migrate, init, migrate, upgrade;"
            "from tests.support.sender_app import create_app;"
            "app = create_app(); db = app.extensions['sqlalchemy'];"
            "Migrate(app, db, compare_type=True, compare_server_default=True);"
            "app.app_context().push();"
            f"folder = {str(tmp_path / 'migrations')!r};"
            "init(folder); migrate(folder); upgrade(folder); migrate(folder)"
        )
        with emptied(url, tmp_path) as host:
            done = subprocess.run(
                [sys.executable, "-c", script],
                env=environment(host),
                cwd=ROOT,
                text=True,
                capture_output=True,
                timeout=60,
            )
            assert done.returncode == 0, done.stderr
            assert len(list((tmp_path / "migrations/versions").glob("*.py"))) == 1, done.stderr
            assert lacking(host) == set()


class TestUpgrade:
    def test_current_tables_lack_nothing(self, host: Host) -> None:
        """There is nothing to do, and nothing is done."""
        assert upgrade(host.site.database, host.site.tables) == []

    def test_empty_database_gets_every_table(self, url: URL, tmp_path: Path) -> None:
        """A site without ``db.create_all()`` has its tables by the command alone."""
        with emptied(url, tmp_path) as host:
            assert {kind for kind, _ in lacking(host)} == {"table"}
            made = upgrade(host.site.database, host.site.tables)
            assert len(made) == len(host.site.tables.all())
            assert differences(host) == []

    def test_older_tables_get_what_they_lack(self, host: Host, catcher: Catcher) -> None:
        """What is missing is added; messages and settings from before stay and work."""
        host.configure(catcher.port)
        waiting = host.send()
        make_older(host)
        assert lacking(host) == OLDER
        done = upgrade(host.site.database, host.site.tables)
        assert {(change.kind, change.name) for change in done} == OLDER
        assert lacking(host) == set()
        again = host.send(idempotency_key="one")
        assert host.send(idempotency_key="one") == again
        host.rounds()
        assert host.states() == {waiting: "sent", again: "sent"}
        if host.site.database.engine.name != "sqlite":
            assert differences(host) == []

    def test_two_upgrades_beside_a_sender(self, host: Host, catcher: Catcher) -> None:
        """Each thing is added once, nobody fails, and mail goes on meanwhile."""
        host.configure(catcher.port, batch_size=1000)

        def change(op: Operations) -> None:
            op.drop_index("ix_plato_email_take_at", "plato_email_take")
            op.drop_index("ix_plato_email_due", "plato_email_message")
            op.drop_index("ix_plato_email_attempt_message", "plato_email_attempt")

        alter(host, change)
        both = threading.Barrier(2)

        def one(_: int) -> list[Change]:
            both.wait(10)
            return upgrade(host.site.database, host.site.tables)

        with ThreadPoolExecutor(2) as pool:
            upgrades = pool.map(one, range(2))
            for _ in range(20):
                host.send()
                host.rounds()
            done = [change.name for changes in upgrades for change in changes]
        assert lacking(host) == set()
        assert set(Counter(done).values()) == {1}
        assert Counter(host.states().values()) == {"sent": 20}

    def test_foreign_table_is_refused(self, host: Host) -> None:
        """A column that cannot be added is named, and nothing is done."""

        def change(op: Operations) -> None:
            op.drop_index("ix_plato_email_attempt_message", "plato_email_attempt")
            with op.batch_alter_table("plato_email_take") as take:
                take.drop_column("count")

        alter(host, change)
        with pytest.raises(ConfigurationError, match="column count of plato_email_take"):
            upgrade(host.site.database, host.site.tables)
        assert ("index", "ix_plato_email_attempt_message") in lacking(host)


class TestNames:
    @pytest.mark.postgres
    def test_schema_and_naming_convention(self, tmp_path: Path) -> None:
        """Tables in a schema of their own, with names by the host's convention, are found."""
        with fresh_database("postgresql", tmp_path) as url, hosted(url, tmp_path) as host:
            host.site.database.write(lambda c: c.execute(text("CREATE SCHEMA mail")))
            convention = {"uq": "unique_%(table_name)s_%(column_0_name)s"}
            tables = join_metadata(MetaData(schema="mail", naming_convention=convention))
            assert len(upgrade(host.site.database, tables)) == len(tables.all())
            drop = "ALTER TABLE mail.plato_email_message DROP COLUMN idempotency_key"
            host.site.database.write(lambda c: c.execute(text(drop)))
            done = upgrade(host.site.database, tables)
            assert [change.kind for change in done] == ["column", "unique"]
            assert upgrade(host.site.database, tables) == []


class TestCommand:
    @pytest.fixture
    def host(self, tmp_path: Path) -> Iterator[Host]:
        """A site whose tables lack an index and a column."""
        with fresh_database("sqlite", tmp_path) as url, hosted(url, tmp_path) as site:

            def change(op: Operations) -> None:
                op.drop_index("ix_plato_email_take_at", "plato_email_take")
                op.drop_column("plato_email_settings", "tested_title")

            alter(site, change)
            yield site

    def email(self, host: Host, *words: str) -> Result:
        return host.app.test_cli_runner().invoke(args=["email", *words])

    def test_check_only_looks(self, host: Host) -> None:
        """With --check it names what is missing, ends with 1, and changes nothing."""
        for _ in range(2):
            result = self.email(host, "upgrade", "--check")
            assert (result.exit_code, result.output.splitlines()) == (
                1,
                [
                    "missing  index ix_plato_email_take_at of plato_email_take",
                    "missing  column tested_title of plato_email_settings",
                ],
            )

    def test_it_says_what_it_did(self, host: Host) -> None:
        """Each change is a line; the second time there is nothing to do."""
        first, second = self.email(host, "upgrade"), self.email(host, "upgrade")
        assert first.output.splitlines() == [
            "added    index ix_plato_email_take_at of plato_email_take",
            "added    column tested_title of plato_email_settings",
            "The tables are up to date; 2 changes made.",
        ]
        assert second.output == "The tables are up to date; 0 changes made.\n"
        assert (first.exit_code, second.exit_code) == (0, 0)
        assert self.email(host, "upgrade", "--check").exit_code == 0

    def test_json(self, host: Host) -> None:
        """For scripts: whether the tables are current, and the changes."""
        changes = [
            {
                "kind": "index",
                "table": "plato_email_take",
                "name": "ix_plato_email_take_at",
            },
            {"kind": "column", "table": "plato_email_settings", "name": "tested_title"},
        ]
        checked = self.email(host, "upgrade", "--check", "--json")
        assert (checked.exit_code, json.loads(checked.output)) == (
            1,
            {"current": False, "changes": changes},
        )
        done = self.email(host, "upgrade", "--json")
        assert json.loads(done.output) == {"current": True, "changes": changes}

    def test_refusal_of_the_database_is_told(self, host: Host) -> None:
        """What cannot be done is one line, in the database's words, and exit code 1."""

        def change(op: Operations) -> None:
            op.drop_table("plato_email_process")
            op.create_index("plato_email_process", "plato_email_take", ["at"])

        alter(host, change)
        result = self.email(host, "upgrade")
        assert result.exit_code == 1
        assert result.output.splitlines()[-1] == (
            "Error: The database refused: there is already an index named plato_email_process"
        )

    def test_other_commands_say_what_to_do(self, host: Host) -> None:
        """A command that meets an older table names the upgrade, not the driver's words."""
        result = self.email(host, "status")
        assert result.exit_code == 1
        assert "older" in result.output
        assert "flask email upgrade" in result.output
