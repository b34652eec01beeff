"""A great many messages, as a busy site has them after a bad month; made by the database itself."""

from __future__ import annotations

from sqlalchemy import Connection, text

_SERIES = {
    "sqlite": "(WITH RECURSIVE each(n) AS "
    "(SELECT 1 UNION ALL SELECT n + 1 FROM each WHERE n < {count}) SELECT n FROM each)",
    "postgresql": "(SELECT n FROM generate_series(1, {count}) AS n)",
    "mysql": "(SELECT CAST(seq AS SIGNED) AS n FROM seq_1_to_{count})",
}
_AGO = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now', (-({})) || ' seconds')",
    "postgresql": "(clock_timestamp() AT TIME ZONE 'utc') - ({}) * INTERVAL '1 second'",
    "mysql": "utc_timestamp(6) - INTERVAL ({}) SECOND",
}
_JOINED = {"sqlite": "{} || n || {}", "postgresql": "{} || n || {}", "mysql": "CONCAT({}, n, {})"}
# Of a hundred: 70 sent, 12 failed for five causes, 8 waiting, 6 deferred, 4 cancelled.
_STATE = """CASE WHEN n % 100 < 70 THEN 'sent' WHEN n % 100 < 82 THEN 'failed'
    WHEN n % 100 < 96 THEN 'queued' ELSE 'cancelled' END"""
_CODE = "CASE WHEN n % 100 < 70 THEN 250 WHEN n % 100 < 82 THEN 550 + n % 5 END"
_REPLY = """CASE WHEN n % 100 < 70 THEN 'Ok' WHEN n % 100 < 82 THEN
    CASE n % 5 WHEN 0 THEN 'No such user here' WHEN 1 THEN 'Relaying denied'
    WHEN 2 THEN 'Mailbox full' WHEN 3 THEN 'Blocked as spam' ELSE 'Domain not found' END END"""
_FAULT = "CASE WHEN n % 100 BETWEEN 70 AND 81 THEN {} END"
_MARK = "CASE " + " ".join(f"WHEN n % 5 = {each} THEN '{each:016}'" for each in range(5)) + " END"
_TIMES = {
    "available_at": "CASE WHEN n % 100 BETWEEN 90 AND 95 THEN {later} ELSE {queued} END",
    "created_at": "{queued}",
    "finished_at": "CASE WHEN n % 100 < 82 OR n % 100 > 95 THEN {finished} END",
}
_INSERT = """\
INSERT INTO plato_email_message (state, priority, available_at, attempts, unknowns, message_id,
  sender, recipients, subject, size, attachments, {sensitive}, created_at, finished_at,
  stage, code, enhanced, reply, fault)
SELECT {state}, n % 3, {available_at}, n % 4, 0, {message_id}, 'site@example.com', {recipients},
  {subject}, 2000, n % 2, {false}, {created_at}, {finished_at},
  'recipient', {code}, '5.1.1', {reply}, {fault}
FROM {series} AS series"""


def fill(connection: Connection, count: int) -> None:
    """Add ``count`` messages, one a second, the last one queued just now."""
    name = connection.dialect.name.replace("mariadb", "mysql")
    ago, joined = _AGO[name], _JOINED[name]
    times = {
        "queued": ago.format(f"{count} - n + 60"),
        "finished": ago.format(f"{count} - n + 30"),
        "later": ago.format("-3600 - n % 10000"),
    }
    statement = _INSERT.format(
        state=_STATE,
        message_id=joined.format("'<'", "'@example.com>'"),
        recipients=joined.format("'[\"user'", "'@example.com\"]'"),
        subject=joined.format("'Order '", "' has been shipped'"),
        sensitive="`sensitive`" if name == "mysql" else "sensitive",
        false="false" if name == "postgresql" else "0",
        code=_CODE,
        reply=_REPLY,
        fault=_FAULT.format(_MARK),
        series=_SERIES[name].format(count=count),
        **{column: words.format(**times) for column, words in _TIMES.items()},
    )
    connection.execute(text(statement.replace(":", r"\:")))
    # So that what has failed can be retried.
    content = "INSERT INTO plato_email_content (message_id, data) SELECT id, {} FROM "
    nothing = r"'\x00'::bytea" if name == "postgresql" else "x'00'"
    where = "plato_email_message WHERE state = 'failed'"
    connection.exec_driver_sql(content.format(nothing) + where)
    if name == "mysql":
        connection.execute(text("ANALYZE TABLE plato_email_message"))


def settle(connection: Connection) -> None:
    """What a database does by itself after a while; on a connection that commits by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("VACUUM ANALYZE plato_email_message"))
