"""The stored settings: precedence, secrets, conflicts, and what a test mail leaves behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import MetaData, create_engine, event, select, update
from sqlalchemy.orm import Session

from plato_email.encryption import Key, KeyFile, KeyRing
from plato_email.errors import KeyRingError, SettingsConflict, SettingsError
from plato_email.settings import Pin, Settings, SettingsStore, StoredSettings
from plato_email.tables import Tables, join_metadata
from tests.support.databases import KINDS, SQLITE, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

FULL = Settings(
    default_sender="Site <a@example.com>",
    host="smtp.example.com",
    port=587,
    username="bob@example.com",
    password="hunter2",
    use_tls=True,
    tls_mode="starttls",
    poll_interval=60,
    batch_size=7,
    send_attempts=3,
    polling_enabled=False,
)
AGAIN = {"password": "The server changed, so the password must be typed again."}


@dataclass
class Site:
    """A database with the tables, and the keys of the moment."""

    engine: Engine
    tables: Tables
    ring: KeyRing

    def store(
        self, pins: dict[str, Pin] | None = None, defaults: dict[str, Any] | None = None
    ) -> SettingsStore:
        return SettingsStore(self.tables, lambda: self.ring, pins or {}, defaults or {})

    def load(self, store: SettingsStore | None = None) -> StoredSettings:
        with self.engine.connect() as connection:
            return (store or self.store()).load(connection)

    def save(
        self,
        settings: Settings,
        *,
        store: SettingsStore | None = None,
        version: int | None = None,
        by: str = "ann",
        keep_password: bool = False,
    ) -> None:
        store = store or self.store()
        known = self.load(store).version if version is None else version
        with self.engine.begin() as connection:
            store.save(connection, settings, version=known, by=by, keep_password=keep_password)

    def record_test(self, settings: Settings, outcome: str = "sent", title: str = "Sent") -> None:
        with self.engine.begin() as connection:
            self.store().record_test(connection, settings, outcome, title)

    def row(self) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(select(self.tables.settings)).one()

    def tamper(self, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(self.tables.settings).values(values))


on_every_database = pytest.mark.parametrize("site", KINDS, indirect=True)


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A site on a SQLite file, or on the kind of database that the test names."""
    with fresh_database(getattr(request, "param", SQLITE), tmp_path) as url:
        engine = create_engine(url)
        metadata = MetaData()
        tables = join_metadata(metadata)
        metadata.create_all(engine)
        yield Site(engine, tables, KeyRing([Key.generate("k1")]))
        engine.dispose()


def test_nothing_saved(site: Site) -> None:
    """A new site has the defaults, version 0, and asks for no keys."""
    store = SettingsStore(site.tables, _no_keys, {}, {})
    assert site.load(store) == StoredSettings(Settings())


@on_every_database
def test_saved_settings_come_back(site: Site) -> None:
    """Every field is stored, with who saved it and when, in one SELECT."""
    site.save(FULL)
    statements: list[str] = []
    event.listen(site.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    stored = site.load()
    assert stored.settings == FULL
    assert (stored.version, stored.updated_by, stored.unreadable) == (1, "ann", frozenset())
    assert stored.updated_at is not None
    assert len(statements) == 1


def test_secrets_are_stored_encrypted(site: Site) -> None:
    """Neither user name nor password is in the database, and no test makes them guessable."""
    site.save(FULL)
    site.record_test(FULL)
    row = site.row()
    assert row.username.startswith("pe1.k1.")
    assert row.password.startswith("pe1.k1.")
    assert "bob" not in str(row)
    assert "hunter2" not in str(row)


def test_settings_without_login_need_no_keys(site: Site) -> None:
    """Where there is no secret, no key is asked for, nor made."""
    store = SettingsStore(site.tables, _no_keys, {}, {})
    site.save(Settings(host="localhost"), store=store)
    with site.engine.begin() as connection:
        store.record_test(connection, Settings(host="localhost"), "sent", "Sent")
    stored = site.load(store)
    assert stored.settings == Settings(host="localhost")
    assert stored.tested is not None
    assert stored.tested.current


def test_a_secret_is_not_saved_without_keys(site: Site) -> None:
    """With no key to encrypt by, the save fails and nothing is stored."""
    store = SettingsStore(site.tables, _no_keys, {}, {})
    with pytest.raises(KeyRingError, match="no keys today"):
        site.save(FULL, store=store)
    assert site.load(store).version == 0


def test_kept_password_is_not_encrypted_again(site: Site) -> None:
    """Saving another field leaves both secrets as they are, to the letter."""
    site.save(FULL)
    before = site.row()
    for keep, settings in ((True, replace(FULL, password="")), (False, FULL)):
        site.save(replace(settings, batch_size=8), keep_password=keep)
        assert site.load().settings == replace(FULL, batch_size=8)
        assert (site.row().username, site.row().password) == (before.username, before.password)


@pytest.mark.parametrize(
    "change",
    [{"host": "evil.example"}, {"port": 2525}, {"tls_mode": "tls"}, {"use_tls": False},
     {"username": "eve"}],
)  # fmt: skip
def test_kept_password_does_not_follow_to_another_server(
    site: Site, change: dict[str, Any]
) -> None:
    """With host, port, TLS or user changed, a kept password is refused and nothing is stored."""
    site.save(FULL)
    with pytest.raises(SettingsError) as found:
        site.save(replace(FULL, **change), keep_password=True)
    assert found.value.problems == AGAIN
    assert site.load().settings == FULL


@pytest.mark.parametrize(
    "change", [{"host": "evil.example"}, {"port": 2525}, {"tls_mode": "tls"}, {"use_tls": False}]
)
def test_row_changed_by_hand_does_not_give_the_password_away(
    site: Site, change: dict[str, Any]
) -> None:
    """Who can write the row, but has no keys, cannot point the password at another server."""
    site.save(FULL)
    site.tamper(**change)
    stored = site.load()
    assert stored.unreadable == {"password"}
    assert stored.settings.password == ""


def test_typed_password_is_stored_for_the_new_server(site: Site) -> None:
    """A typed password replaces the old one, for the server typed with it."""
    site.save(FULL)
    moved = replace(FULL, host="new.example", password="correct horse")
    site.save(moved)
    assert site.load().settings == moved


def test_same_password_for_a_new_server_is_bound_to_it(site: Site) -> None:
    """The same password typed again is encrypted anew for the new server."""
    site.save(FULL)
    site.save(replace(FULL, host="new.example"))
    assert site.load().settings == replace(FULL, host="new.example")


def test_cleared_login(site: Site) -> None:
    """A login that is removed leaves nothing behind."""
    site.save(FULL)
    site.save(replace(FULL, username="", password=""))
    assert (site.row().username, site.row().password) == ("", "")
    with site.engine.connect() as connection:
        assert site.store().keys_in_use(connection) == set()


def test_ciphertext_typed_as_a_password_is_a_password(site: Site) -> None:
    """What looks like our own envelope is encrypted like any other text."""
    site.save(FULL)
    token = site.row().password
    site.save(replace(FULL, password=token))
    assert site.row().password != token
    assert site.load().settings.password == token


@on_every_database
def test_conflict_names_who_saved(site: Site) -> None:
    """Of two people who edit the same version, the second is told of the first."""
    site.save(FULL, by="ann")
    site.save(replace(FULL, batch_size=1), version=1, by="bert")
    with pytest.raises(SettingsConflict) as found:
        site.save(replace(FULL, batch_size=2), version=1, by="cleo")
    assert found.value.saved_by == "bert"
    assert site.load().settings.batch_size == 1


@on_every_database
def test_first_save_conflicts_too(site: Site) -> None:
    """Of two people who both found nothing saved, the second is told of the first."""
    site.save(FULL, version=0, by="ann")
    with pytest.raises(SettingsConflict) as found:
        site.save(FULL, version=0, by="bert")
    assert found.value.saved_by == "ann"


@on_every_database
def test_first_save_that_lands_in_the_middle_of_another(site: Site) -> None:
    """A first save that comes between the reading and the writing of another is not overwritten."""

    def somebody_else_saves() -> KeyRing:
        site.save(replace(FULL, batch_size=1), version=0, by="bert")
        return site.ring

    slow = SettingsStore(site.tables, somebody_else_saves, {}, {})
    with site.engine.connect() as connection, pytest.raises(SettingsConflict) as found:
        slow.save(connection, FULL, version=0, by="cleo", keep_password=False)
    assert found.value.saved_by == "bert"
    assert site.load().settings.batch_size == 1


@on_every_database
@pytest.mark.parametrize("saves_before", [0, 1])
def test_saves_at_the_same_moment(site: Site, saves_before: int) -> None:
    """Of many who save the same version at once, one is stored and all others are told."""
    for _ in range(saves_before):
        site.save(FULL)
    start = threading.Barrier(5)

    def save(number: int) -> int:
        start.wait()
        try:
            site.save(replace(FULL, batch_size=number), version=saves_before, by=str(number))
        except SettingsConflict:
            return 0
        return number

    with ThreadPoolExecutor(5) as pool:
        stored = sum(pool.map(save, range(1, 6)))
    loaded = site.load()
    assert (loaded.settings.batch_size, loaded.updated_by) == (stored, str(stored))
    assert loaded.version == saves_before + 1


def test_pins_overrule_what_is_stored(site: Site) -> None:
    """A pinned field has the pin's value, names its key, and the stored value stays below it."""
    site.save(replace(FULL, username="", password=""))
    store = site.store(
        {"host": Pin("PLATO_EMAIL_HOST", "pin.example"), "batch_size": Pin("X", 99)},
    )
    stored = site.load(store)
    assert stored.settings.host == "pin.example"
    assert stored.pinned == {"host": "PLATO_EMAIL_HOST", "batch_size": "X"}
    site.save(replace(stored.settings, poll_interval=5), store=store)
    row = site.row()
    assert (row.host, row.batch_size, row.poll_interval) == ("smtp.example.com", 7, 5)


def test_pinned_password_needs_no_keys(site: Site) -> None:
    """A password from the configuration is used, not stored, not shown, and asks for no key."""
    pins = {"password": Pin("PLATO_EMAIL_PASSWORD", "hunter2"), "username": Pin("U", "bob")}
    store = SettingsStore(site.tables, _no_keys, pins, {})
    site.save(replace(FULL, username="bob"), store=store)
    stored = site.load(store)
    assert (stored.settings.username, stored.settings.password) == ("bob", "hunter2")
    assert (site.row().username, site.row().password) == ("", "")
    assert "hunter2" not in repr((stored, pins))
    with site.engine.begin() as connection:
        store.record_test(connection, stored.settings, "sent", "Sent")
    tested = site.load(store).tested
    assert tested is not None
    assert tested.current


def test_password_belongs_to_a_pinned_server_as_well(site: Site) -> None:
    """A stored password is bound to the pinned host it was typed for, and to no other."""
    first = site.store({"host": Pin("PLATO_EMAIL_HOST", "one.example")})
    site.save(replace(FULL, host="one.example"), store=first)
    assert site.load(first).settings.password == "hunter2"
    second = site.store({"host": Pin("PLATO_EMAIL_HOST", "two.example")})
    assert site.load(second).unreadable == {"password"}


def test_defaults_apply_until_something_is_saved(site: Site) -> None:
    """Flask-Mail's keys fill an empty site, and have no say once settings are stored."""
    store = site.store(defaults={"host": "old.example", "port": 2525, "batch_size": 3})
    assert site.load(store).settings == Settings(host="old.example", port=2525, batch_size=3)
    site.save(Settings(host="new.example"), store=store)
    assert site.load(store).settings == Settings(host="new.example")


def test_default_password_is_kept_by_the_first_save(site: Site) -> None:
    """A first save that keeps the password stores the one that Flask-Mail's key gave."""
    given = {"host": "old.example", "username": "bob", "password": "hunter2", "use_tls": True}
    store = site.store(defaults=given)
    loaded = site.load(store).settings
    with pytest.raises(SettingsError):
        site.save(replace(loaded, host="x.example"), store=store, keep_password=True)
    site.save(replace(loaded, password="", batch_size=9), store=store, keep_password=True)
    assert site.load(site.store()).settings == replace(loaded, batch_size=9)


@on_every_database
def test_lost_key_is_a_state(site: Site) -> None:
    """With the key gone, everything else loads, and can be saved without touching the secrets."""
    site.save(FULL)
    before, old = site.row(), site.ring
    site.ring = KeyRing([Key.generate("k2")])
    stored = site.load()
    assert stored.unreadable == {"username", "password"}
    assert stored.settings == replace(FULL, username="", password="")
    site.save(replace(stored.settings, batch_size=8), keep_password=True)
    assert (site.row().username, site.row().password) == (before.username, before.password)
    site.ring = old
    assert site.load().settings == replace(FULL, batch_size=8)


def test_lost_key_is_repaired_by_typing_again(site: Site) -> None:
    """User name and password typed anew are readable again, or gone when they are removed."""
    site.save(FULL)
    site.ring = KeyRing([Key.generate("k2")])
    with pytest.raises(SettingsError) as found:
        site.save(replace(FULL, password=""), keep_password=True)
    assert found.value.problems == AGAIN
    site.save(FULL)
    assert site.load().settings == FULL
    assert site.load().unreadable == frozenset()
    site.ring = KeyRing([Key.generate("k3")])
    site.save(site.load().settings)
    assert (site.row().username, site.row().password) == ("", "")


@pytest.mark.parametrize("garbage", ["hunter2", "pe1.k1.AAAA", "pe9.k1.AAAA", "pe1.k1."])
def test_garbage_in_the_row_is_a_state(site: Site, garbage: str) -> None:
    """What is no envelope of ours is unreadable; it is never taken for the password itself."""
    site.save(FULL)
    site.tamper(password=garbage)
    stored = site.load()
    assert stored.unreadable == {"password"}
    assert stored.settings == replace(FULL, password="")


def test_keys_that_cannot_be_read_are_a_state(site: Site, tmp_path: Path) -> None:
    """A key file open to others does not stop the page, which can say what to run."""
    file = KeyFile(tmp_path / "keys")
    store = SettingsStore(site.tables, file.load_or_create, {}, {})
    site.save(FULL, store=store)
    file.path.chmod(0o644)
    stored = site.load(store)
    assert stored.unreadable == {"username", "password"}
    assert "chmod 600" in stored.key_problem
    file.path.chmod(0o600)
    assert site.load(store).settings == FULL


@on_every_database
def test_rotation(site: Site) -> None:
    """A new key takes over the stored secrets, and the old one is then free to go."""
    site.save(FULL)
    site.record_test(FULL)
    site.ring = site.ring.with_new(Key.generate("k2"))
    store = site.store()
    with site.engine.begin() as connection:
        assert store.keys_in_use(connection) == {"k1"}
        assert store.reencrypt(connection) == (2, frozenset())
        assert store.reencrypt(connection) == (0, frozenset())
        assert store.keys_in_use(connection) == {"k2"}
    site.ring = site.ring.without("k1")
    stored = site.load()
    assert (stored.settings, stored.version) == (FULL, 1)
    assert stored.tested is not None
    assert stored.tested.current


def test_rotation_reports_what_it_cannot_read(site: Site) -> None:
    """A secret whose key is gone is left as it is and named; the others are renewed."""
    site.save(FULL)
    lost = KeyRing([Key.generate("gone")]).protect("hunter2", "smtp.password", "x")
    site.tamper(password=lost)
    site.ring = site.ring.with_new(Key.generate("k2"))
    with site.engine.begin() as connection:
        assert site.store().reencrypt(connection) == (1, frozenset({"password"}))
    assert site.row().password == lost
    with site.engine.connect() as connection:
        assert site.store().keys_in_use(connection) == {"k2", "gone"}


def test_rotation_of_an_empty_site(site: Site) -> None:
    """Where nothing was saved there is nothing to encrypt anew."""
    with site.engine.connect() as connection:
        assert site.store().reencrypt(connection) == (0, frozenset())
        assert site.store().keys_in_use(connection) == set()


def test_test_counts_until_something_it_proved_changes(site: Site) -> None:
    """A test speaks for the settings it was made with; pace has nothing to do with it."""
    site.save(FULL)
    assert site.load().tested is None
    site.record_test(FULL, "sent", "x" * 300)
    tested = site.load().tested
    assert tested is not None
    assert (tested.outcome, tested.title, tested.current) == ("sent", "x" * 200, True)
    site.save(replace(FULL, batch_size=1, polling_enabled=True))
    assert _is_current(site)
    for change in ({"password": "other"}, {"host": "h.example"}, {"default_sender": "b@b.example"}):
        site.save(replace(FULL, **change))  # type: ignore[arg-type]
        assert not _is_current(site)
        site.save(FULL)
        assert _is_current(site)


@on_every_database
def test_tested_before_it_was_saved(site: Site) -> None:
    """Settings that were tested as typed and then saved count as tested."""
    site.record_test(FULL)
    stored = site.load()
    assert (stored.version, stored.settings) == (0, Settings())
    assert not _is_current(site)
    site.save(FULL)
    assert (site.load().version, site.load().settings) == (1, FULL)
    assert _is_current(site)


def test_new_key_does_not_void_the_test(site: Site) -> None:
    """A key put in front of the others leaves the last test standing."""
    site.save(FULL)
    site.record_test(FULL)
    site.ring = site.ring.with_new(Key.generate("k2"))
    assert _is_current(site)


@on_every_database
def test_host_session_is_accepted_and_not_committed(site: Site) -> None:
    """The store works in a session of the host's and leaves the commit to it."""
    with Session(site.engine) as session:
        site.store().save(session, FULL, version=0, by="ann", keep_password=False)
        assert site.store().load(session).settings == FULL
        session.rollback()
    assert site.load().version == 0


def _is_current(site: Site) -> bool:
    tested = site.load().tested
    assert tested is not None
    return tested.current


def _no_keys() -> KeyRing:
    raise KeyRingError("There are no keys today.")
