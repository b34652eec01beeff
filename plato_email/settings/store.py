"""Where the settings are stored: one row, whose secrets are encrypted."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, select, update

from ..database import insert_once, utcnow
from ..encryption import KeyRing
from ..errors import KeyRingError, SettingsConflict, SettingsError
from .cleaning import TYPE_AGAIN
from .values import LastTest, Settings, StoredSettings
from .vault import SECRETS, Opened, Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Row
    from sqlalchemy.orm import Session, scoped_session

    from ..tables import Tables
    from .values import Pin

    Executor = Connection | Session | scoped_session[Any]

_ID = 1
_FIELDS = tuple(field.name for field in fields(Settings))


class Reencrypted(NamedTuple):
    """What came of encrypting the stored secrets anew."""

    changed: int
    unreadable: frozenset[str]
    """The fields that no key on the ring decrypts; they are left as they were."""


class SettingsStore:
    """Loads and saves the settings of one site.

    Args:
        tables: the site's tables.
        key_ring: returns the encryption keys; asked only where there is a secret.
        pins: field -> the configuration's value, which overrules the stored one.
        defaults: field -> value while nothing was ever saved.
    """

    def __init__(
        self,
        tables: Tables,
        key_ring: Callable[[], KeyRing],
        pins: Mapping[str, Pin],
        defaults: Mapping[str, Any],
    ) -> None:
        self._table = tables.settings
        self._vault = Vault(key_ring)
        self._keys_of_pins = {name: pin.key for name, pin in pins.items()}
        self._pins = {name: pin.value for name, pin in pins.items()}
        self._unsaved = replace(Settings(), **defaults)
        self._since = datetime.now(UTC).replace(tzinfo=None)

    def load(self, connection: Executor) -> StoredSettings:
        """Return the settings in force, by one SELECT.

        A secret that cannot be decrypted is a state (`StoredSettings.unreadable`), no error.
        """
        return self._stored(self._row(self._core(connection)))

    def save(
        self,
        connection: Executor,
        settings: Settings,
        *,
        version: int,
        by: str,
        keep_password: bool,
    ) -> None:
        """Store ``settings``, except what is pinned; the caller commits.

        Args:
            connection: in a transaction of the caller's.
            settings: clean values.
            version: `StoredSettings.version` of the settings that these were made from.
            by: who saves, for the next one to read.
            keep_password: leave the stored password as it is, even an unreadable one.

        Raises:
            SettingsConflict: somebody else has saved since.
            SettingsError: the password is to be kept, but belongs to another server.
            KeyRingError: there is a secret to store and no key to encrypt it with.
        """
        core = self._core(connection)
        # No lock where no row is expected: MariaDB would lock the gap, and two would deadlock.
        row = self._row(core, lock=version > 0)
        if (row.version if row else 0) != version:
            raise SettingsConflict(row.updated_by if row else "")
        values = self._values(settings, row, keep_password)
        values |= {"version": version + 1, "updated_at": utcnow(), "updated_by": by[:200]}
        if not self._write(core, values, version, is_new=row is None):
            winner = self._row(core, lock=True)
            raise SettingsConflict(winner.updated_by if winner else "")

    def fingerprints(self, settings: Settings) -> tuple[str, ...]:
        """Return what tells whether a test proves anything of ``settings``; the first is stored."""
        return self._vault.fingerprints(settings)

    def seal_username(self, settings: Settings) -> str:
        """Return the user name encrypted, to be kept with a test; "" where no key is to be had."""
        try:
            return self._vault.seal("username", settings)
        except KeyRingError:
            return ""

    def open_username(self, token: str) -> str:
        """Return what `seal_username` made a token of; "" where its key is gone."""
        return self._vault.open({"username": token}, Settings()).settings.username

    def record_test(
        self,
        connection: Executor,
        settings: Settings,
        outcome: str,
        title: str,
        *,
        at: datetime | None = None,
    ) -> None:
        """Remember what came of a test, now or ``at`` (naive UTC); the caller commits."""
        core = self._core(connection)
        values = {
            "tested_at": at or utcnow(),
            "tested_fingerprint": self._vault.fingerprints(settings)[0],
            "tested_outcome": outcome,
            "tested_title": title[:200],
        }
        statement = update(self._table).where(self._table.c.id == _ID).values(values)
        if core.execute(statement).rowcount == 0:
            # A site that pins everything never saves, but may well test.
            begun = {"version": 0, "updated_at": utcnow(), "updated_by": ""}
            if not self._write(core, begun | values, 0, is_new=True):
                core.execute(statement)

    def reencrypt(self, connection: Executor) -> Reencrypted:
        """Encrypt the stored secrets anew by the primary key; the caller commits.

        Raises:
            KeyRingError: there are no keys.
        """
        core = self._core(connection)
        row = self._row(core, lock=True)
        if row is None:
            return Reencrypted(0, frozenset())
        stored = self._stored(row)
        renewed, unreadable = self._vault.renew(_tokens(row), stored.settings)
        values = dict(renewed)
        if stored.tested and stored.tested.current:
            # Or the last test would count for nothing once the old key is gone.
            values["tested_fingerprint"] = self._vault.fingerprints(stored.settings)[0]
        if values and not self._write(core, values, row.version, is_new=False):
            # Saved at this moment: by the primary key, so there is nothing left to do.
            renewed = {}
        return Reencrypted(len(renewed), frozenset(unreadable))

    def keys_in_use(self, connection: Executor) -> set[str]:
        """Return the ids of the keys that stored secrets were encrypted with."""
        row = self._row(self._core(connection))
        found = {KeyRing.key_id(token) for token in _tokens(row).values()} if row else set()
        return {key_id for key_id in found if key_id is not None}

    def _stored(self, row: Row[Any] | None) -> StoredSettings:
        opened = self._opened(row)
        stored = StoredSettings(
            opened.settings,
            unreadable=opened.unreadable,
            key_problem=opened.key_problem,
            pinned=self._keys_of_pins,
            login_since=self._login_since(row),
        )
        if row is None:
            return stored
        stored = replace(stored, tested=self._last_test(row, opened.settings))
        if row.version == 0:
            return stored
        return replace(
            stored, version=row.version, updated_at=row.updated_at, updated_by=row.updated_by
        )

    def _login_since(self, row: Row[Any] | None) -> datetime:
        """Any save may have changed the login, and any start of the process what is pinned."""
        times = [self._since] if row is None or row.version == 0 else [row.updated_at]
        if {"host", "port", "username"} & self._pins.keys():
            times.append(self._since)
        return max(times)

    def _opened(self, row: Row[Any] | None) -> Opened:
        if row is None or row.version == 0:
            return Opened(replace(self._unsaved, **self._pins))
        plain = {name: getattr(row, name) for name in _FIELDS if name not in SECRETS}
        # A column that came later is empty in a row that was there before it.
        plain = {name: value for name, value in plain.items() if value is not None}
        tokens = {name: token for name, token in _tokens(row).items() if name not in self._pins}
        return self._vault.open(tokens, replace(Settings(**plain), **self._pins))

    def _last_test(self, row: Row[Any], settings: Settings) -> LastTest | None:
        if row.tested_at is None:
            return None
        current = row.tested_fingerprint in self._vault.fingerprints(settings)
        return LastTest(row.tested_at, row.tested_outcome, row.tested_title, current)

    def _values(self, settings: Settings, row: Row[Any] | None, keep: bool) -> dict[str, Any]:
        """The columns to write: what is pinned is neither checked nor stored."""
        before = self._opened(row)
        tokens = _tokens(row) if row else dict.fromkeys(SECRETS, "")
        values = {name: getattr(settings, name) for name in _FIELDS if name not in self._pins}
        if "username" in values:
            values["username"] = self._username(settings, before, tokens["username"], keep)
        if "password" in values:
            values["password"] = self._password(settings, before, tokens["password"], keep)
        return values

    def _username(self, settings: Settings, before: Opened, token: str, keep: bool) -> str:
        lost = "username" in before.unreadable
        if lost and keep and not settings.username:
            return token
        if token and not lost and settings.username == before.settings.username:
            return token
        return self._vault.seal("username", settings)

    def _password(self, settings: Settings, before: Opened, token: str, keep: bool) -> str:
        same_place = settings.login_context == before.settings.login_context
        if keep:
            if not same_place and (token or before.settings.password):
                raise SettingsError({"password": TYPE_AGAIN})
            if token:
                return token
            settings = replace(settings, password=before.settings.password)
        unchanged = settings.password and settings.password == before.settings.password
        if token and same_place and unchanged:
            return token
        return self._vault.seal("password", settings)

    def _core(self, connection: Executor) -> Connection:
        if isinstance(connection, Connection):
            return connection
        # The table decides which of the host's databases it is.
        return connection.connection(bind_arguments={"clause": self._table})

    def _row(self, core: Connection, *, lock: bool = False) -> Row[Any] | None:
        statement = select(self._table).where(self._table.c.id == _ID)
        return core.execute(statement.with_for_update() if lock else statement).one_or_none()

    def _write(
        self, core: Connection, values: Mapping[str, Any], version: int, *, is_new: bool
    ) -> bool:
        """Write the row if it is still the one that was read, and tell whether it was."""
        if is_new:
            plain = {name: getattr(self._unsaved, name) for name in _FIELDS}
            row = plain | dict.fromkeys(SECRETS, "") | dict(values) | {"id": _ID}
            statement = insert_once(core.dialect.name, self._table).values(row)
            # Without the option, SQLAlchemy does not tell how many rows an INSERT made.
            statement = statement.execution_options(preserve_rowcount=True)
            return bool(core.execute(statement).rowcount == 1)
        guard = (self._table.c.id == _ID) & (self._table.c.version == version)
        return core.execute(update(self._table).where(guard).values(values)).rowcount == 1


def _tokens(row: Row[Any]) -> dict[str, str]:
    return {name: getattr(row, name) for name in SECRETS}
