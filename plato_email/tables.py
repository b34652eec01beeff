"""The tables, as SQLAlchemy Core tables on the host's own metadata.

On the host's metadata, ``db.create_all()``, Flask-Migrate, a default schema and naming
conventions all work, nothing enters the host's class registry, and two apps in one process
do not meet. Times are naive UTC in every column. No native enums and no checks of the words: a
new state needs no ALTER. A column that a later version adds is nullable or has a server default:
rows are there already, and processes of the version before still write (see upgrade.py).
No foreign keys: a child row is written by the host's transaction and deleted by ours, and a
key would make each wait for the other's lock.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
)
from sqlalchemy import DateTime as _DateTime
from sqlalchemy.dialects import mysql

from .deleted_table import deleted_table
from .errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import MetaData

# SQLite gives only INTEGER PRIMARY KEY an automatic id; MariaDB drops microseconds unless asked,
# and its TEXT and BLOB end at 64 KB.
BigId = BigInteger().with_variant(Integer, "sqlite")
DateTime = _DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
LongText = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
Blob = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")


def _exact(length: int) -> String:
    """A string compared byte by byte; MariaDB's default collation ignores case."""
    exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(exact, "mysql", "mariadb")


class State(StrEnum):
    """What a message is going through. See docs/explanation/delivery-guarantees.md."""

    QUEUED = "queued"
    """Waiting; *deferred* on the pages when it waits for a later try."""
    CLAIMED = "claimed"
    """In a sender's hands, not yet begun: surely not sent."""
    SENDING = "sending"
    """Begun: after a crash it may or may not have been accepted."""
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Tables:
    """The tables of one site."""

    message: Table
    deleted: Table
    content: Table
    recipient: Table
    attempt: Table
    gate: Table
    take: Table
    settings: Table
    process: Table
    audit: Table
    alert: Table
    trial: Table

    def all(self) -> tuple[Table, ...]:
        """Every table."""
        return tuple(getattr(self, field.name) for field in fields(self))


_MARK = "plato_email"


def join_metadata(metadata: MetaData) -> Tables:
    """Return our tables on ``metadata``, made there the first time.

    Raises:
        ConfigurationError: the host has a table of one of our names.
    """
    known = metadata.info.get(_MARK)
    if isinstance(known, Tables):
        return known
    prefix = f"{metadata.schema}." if metadata.schema else ""
    for field in fields(Tables):
        name = f"{prefix}plato_email_{field.name}"
        if name in metadata.tables:
            raise ConfigurationError(
                f"The site has a table {name!r} of its own; plato_email needs that name."
            )
    message = _message(metadata)
    tables = Tables(
        message=message,
        deleted=deleted_table(metadata, message),
        content=_content(metadata),
        recipient=_recipient(metadata),
        attempt=_attempt(metadata),
        gate=_gate(metadata),
        take=_take(metadata),
        settings=_settings(metadata),
        process=_process(metadata),
        audit=_audit(metadata),
        alert=_alert(metadata),
        trial=_trial(metadata),
    )
    for table in tables.all():
        # A database made long ago may still prefer letters of one byte.
        table.kwargs.update(mysql_charset="utf8mb4", mariadb_charset="utf8mb4")
    metadata.info[_MARK] = tables
    return tables


def _cause() -> tuple[Column[str], Column[str]]:
    """Why it failed (a value of `errors.Cause`), and the server that said so, with its port."""
    return Column("cause", String(32)), Column("server", String(262))


def _message(metadata: MetaData) -> Table:
    """One row a message; narrow, for every claim reads it and every step writes it."""
    table = Table(
        "plato_email_message",
        metadata,
        Column("id", BigId, primary_key=True),
        Column("state", String(10), nullable=False),
        Column("priority", SmallInteger, nullable=False),
        Column("available_at", DateTime, nullable=False),
        Column("attempts", SmallInteger, nullable=False, default=0, server_default="0"),
        Column("unknowns", SmallInteger, nullable=False, default=0, server_default="0"),
        Column("lease_token", String(32)),
        Column("lease_until", DateTime),
        Column("message_id", _exact(255), nullable=False, unique=True),
        Column("idempotency_key", _exact(200), unique=True),
        Column("sender", String(320), nullable=False),
        Column("recipients", Text, nullable=False),
        Column("subject", String(255), nullable=False),
        Column("size", Integer, nullable=False),
        Column("attachments", SmallInteger, nullable=False),
        Column("sensitive", Boolean(create_constraint=False), nullable=False),
        Column("created_at", DateTime, nullable=False),
        Column("expires_at", DateTime),
        Column("finished_at", DateTime),
        Column("stage", String(10)),
        Column("code", SmallInteger),
        Column("enhanced", String(12)),
        Column("reply", String(500)),
        *_cause(),
        # The try that ended well. It has no row of its own: that would be the dearest part of it.
        Column("started_at", DateTime),
        Column("milliseconds", Integer),
        Column("process", String(80)),
        Column("fault", String(16)),
        # The ids of purged mails must never be given to new ones.
        sqlite_autoincrement=True,
    )
    due = table.c.state == State.QUEUED.value
    leased = table.c.state.in_([State.CLAIMED.value, State.SENDING.value])
    finished = table.c.finished_at.is_not(None)
    # MariaDB has no partial indexes and ignores the WHERE, so the state is a column of each.
    # PostgreSQL drops a condition that the WHERE implies, and without one for the state it would
    # read all that is deferred to find what is due. So its WHERE names a second state, which no
    # message is ever in.
    nearly_due = table.c.state.in_([State.QUEUED.value, ""])
    Index(
        "ix_plato_email_due",
        table.c.priority,
        table.c.state,
        table.c.available_at,
        table.c.id,
        postgresql_where=nearly_due,
        sqlite_where=due,
    )
    Index(
        "ix_plato_email_lease",
        table.c.state,
        table.c.lease_until,
        postgresql_where=leased,
        sqlite_where=leased,
    )
    Index(
        "ix_plato_email_finished",
        table.c.state,
        table.c.finished_at,
        postgresql_where=finished,
        sqlite_where=finished,
    )
    wrong = table.c.fault.is_not(None)
    Index(
        "ix_plato_email_fault",
        table.c.fault,
        table.c.finished_at,
        postgresql_where=wrong,
        sqlite_where=wrong,
    )
    return table


def _content(metadata: MetaData) -> Table:
    """The bytes of a message, encrypted; apart, so that claims and lists never read them."""
    return Table(
        "plato_email_content",
        metadata,
        Column("message_id", BigId, primary_key=True, autoincrement=False),
        Column("data", Blob, nullable=False),
    )


def _recipient(metadata: MetaData) -> Table:
    """One row a recipient once the server has answered for it differently from the others."""
    return Table(
        "plato_email_recipient",
        metadata,
        Column("message_id", BigId, primary_key=True, autoincrement=False),
        Column("address", _exact(320), primary_key=True),
        Column("outcome", String(10), nullable=False),
        Column("code", SmallInteger),
        Column("enhanced", String(12)),
        Column("reply", String(500)),
        Column("cause", String(32)),
        Column("at", DateTime, nullable=False),
    )


def _attempt(metadata: MetaData) -> Table:
    """One row a try, charged or not: when, who, how long, how far, and the server's words.

    A try that the server took for every recipient stands in the message's own row instead.
    """
    table = Table(
        "plato_email_attempt",
        metadata,
        Column("id", BigId, primary_key=True),
        Column("message_id", BigId, nullable=False),
        Column("at", DateTime, nullable=False),
        Column("milliseconds", Integer, nullable=False),
        Column("process", String(80), nullable=False),
        Column("outcome", String(10), nullable=False),
        Column("stage", String(10), nullable=False),
        Column("code", SmallInteger),
        Column("enhanced", String(12)),
        Column("reply", String(500)),
        *_cause(),
        sqlite_autoincrement=True,
    )
    Index("ix_plato_email_attempt_message", table.c.message_id)
    return table


def _gate(metadata: MetaData) -> Table:
    """One row: the mutex of claims, and the back-off that all processes share."""
    return Table(
        "plato_email_gate",
        metadata,
        Column("id", SmallInteger, primary_key=True, autoincrement=False),
        Column("failures", Integer, nullable=False, default=0, server_default="0"),
        Column("failing_since", DateTime),
        Column("retry_at", DateTime),
        Column("verdict", String(10)),
        Column("stage", String(10)),
        Column("code", SmallInteger),
        Column("enhanced", String(12)),
        Column("reply", String(500)),
        *_cause(),
    )


def _take(metadata: MetaData) -> Table:
    """What was taken from the queue and when: the rate promise is the sum of these rows."""
    table = Table(
        "plato_email_take",
        metadata,
        Column("id", BigId, primary_key=True),
        Column("at", DateTime, nullable=False),
        Column("count", Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    Index("ix_plato_email_take_at", table.c.at)
    return table


def _settings(metadata: MetaData) -> Table:
    """One row: what the settings page stores; the defaults are those of `settings.Settings`."""
    return Table(
        "plato_email_settings",
        metadata,
        Column("id", SmallInteger, primary_key=True, autoincrement=False),
        Column("version", Integer, nullable=False),
        Column("default_sender", String(400), nullable=False),
        Column("host", String(255), nullable=False),
        Column("port", Integer, nullable=False),
        Column("username", Text, nullable=False),
        Column("password", Text, nullable=False),
        Column("use_tls", Boolean(create_constraint=False), nullable=False),
        Column("tls_mode", String(10), nullable=False),
        Column("poll_interval", Integer, nullable=False),
        Column("batch_size", Integer, nullable=False),
        Column("send_attempts", Integer, nullable=False),
        Column("polling_enabled", Boolean(create_constraint=False), nullable=False),
        Column("updated_at", DateTime, nullable=False),
        Column("updated_by", String(200), nullable=False),
        Column("mode", String(10)),
        Column("redirect_to", String(400)),
        Column("allowed_recipients", Text),
        Column("tested_at", DateTime),
        Column("tested_fingerprint", String(64)),
        Column("tested_outcome", String(10)),
        Column("tested_title", String(200)),
    )


def _process(metadata: MetaData) -> Table:
    """One row a sender: the page shows who sends, when its last round was, and its last error."""
    return Table(
        "plato_email_process",
        metadata,
        Column("id", String(32), primary_key=True),
        Column("name", String(80), nullable=False),
        Column("started_at", DateTime, nullable=False),
        Column("seen_at", DateTime, nullable=False),
        Column("error", String(500)),
        Column("error_at", DateTime),
    )


def _audit(metadata: MetaData) -> Table:
    """What people did on the pages and by commands; see audit.py."""
    table = Table(
        "plato_email_audit",
        metadata,
        Column("id", BigId, primary_key=True),
        Column("at", DateTime, nullable=False),
        Column("actor", _exact(200), nullable=False),
        Column("origin", String(64), nullable=False),
        Column("action", _exact(40), nullable=False),
        Column("subject", String(200), nullable=False),
        Column("detail", Text, nullable=False),
        sqlite_autoincrement=True,
    )
    Index("ix_plato_email_audit_at", table.c.at)
    Index("ix_plato_email_audit_actor", table.c.actor, table.c.id)
    Index("ix_plato_email_audit_action", table.c.action, table.c.id)
    return table


def _trial(metadata: MetaData) -> Table:
    """One row a test, written stage by stage: what any process tells a page that waits for it.

    It holds no credentials. The fingerprint is keyed; see settings/vault.py.
    """
    table = Table(
        "plato_email_trial",
        metadata,
        Column("token", String(32), primary_key=True),
        Column("started_at", DateTime, nullable=False),
        Column("begun_by", String(200), nullable=False),
        Column("kind", String(10), nullable=False),
        Column("recipient", String(320), nullable=False),
        Column("fingerprint", String(64), nullable=False),
        Column("state", String(10), nullable=False),
        Column("outcome", String(10), nullable=False),
        Column("report", LongText, nullable=False),
    )
    Index("ix_plato_email_trial_started", table.c.started_at)
    return table


def _alert(metadata: MetaData) -> Table:
    """One row: what was told last of mail that fails or flows, and its delivery; see alerts/."""
    return Table(
        "plato_email_alert",
        metadata,
        Column("id", SmallInteger, primary_key=True, autoincrement=False),
        Column("state", String(10), nullable=False),
        Column("alert_id", String(32), nullable=False),
        Column("at", DateTime, nullable=False),
        Column("since", DateTime, nullable=False),
        Column("reason", String(20), nullable=False),
        Column("body", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("next_at", DateTime),
        Column("delivered_at", DateTime),
        Column("error", String(500), nullable=False),
    )
