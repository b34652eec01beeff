"""Keys, envelopes and the key file."""

from __future__ import annotations

import base64
import copy
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plato_email.encryption import Key, KeyFile, KeyRing
from plato_email.errors import KeyRingError, SecretUnreadable

if TYPE_CHECKING:
    from pathlib import Path

MATERIAL = bytes(range(32))
RING = KeyRing([Key("new", MATERIAL), Key("old", MATERIAL[::-1])])
texts = st.text(st.characters(codec="utf-8"), max_size=60)
contexts = st.lists(texts, max_size=4)


@given(plaintext=texts, purpose=texts, context=contexts)
def test_text_comes_back(plaintext: str, purpose: str, context: list[str]) -> None:
    """A protected text opens with the same purpose and context."""
    token = RING.protect(plaintext, purpose, *context)
    assert plaintext == RING.unprotect(token, purpose, *context)


@given(data=st.binary(max_size=300), context=contexts)
def test_bytes_come_back(data: bytes, context: list[str]) -> None:
    """Protected bytes open with the same purpose and context, and cost a fixed few bytes."""
    token = RING.protect_bytes(data, "message.content", *context)
    assert data == RING.unprotect_bytes(token, "message.content", *context)
    assert len(data) + 30 + len("new") == len(token)


@given(plaintext=texts, first=contexts, second=contexts)
def test_another_context_does_not_open(plaintext: str, first: list[str], second: list[str]) -> None:
    """A secret that was moved is unreadable, also where the contexts read the same in a row."""
    if first == second:
        second = [*first, ""]
    token = RING.protect(plaintext, "smtp.password", *first)
    with pytest.raises(SecretUnreadable):
        RING.unprotect(token, "smtp.password", *second)


@pytest.mark.parametrize("context", [("a", "bc"), ("abc",), ("ab", "c", ""), ("", "ab", "c"), ()])
def test_contexts_that_join_to_the_same_text_differ(context: tuple[str, ...]) -> None:
    """The border between two parts of a context is part of it."""
    token = RING.protect("secret", "p", "ab", "c")
    with pytest.raises(SecretUnreadable):
        RING.unprotect(token, "p", *context)


def test_another_purpose_does_not_open() -> None:
    """A user name pasted over a password is unreadable."""
    with pytest.raises(SecretUnreadable):
        RING.unprotect(RING.protect("secret", "smtp.username"), "smtp.password")


@settings(max_examples=300)
@given(data=st.data())
def test_any_changed_character_is_noticed(data: st.DataObject) -> None:
    """A text token with one character changed, cut or added never opens."""
    token = RING.protect("correct horse", "smtp.password", "host")
    at = data.draw(st.integers(0, len(token) - 1))
    kind = data.draw(st.sampled_from(["change", "cut", "add"]))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != token[at]))
    changed = {
        "change": token[:at] + other + token[at + 1 :],
        "cut": token[:at],
        "add": token + other,
    }[kind]
    with pytest.raises(SecretUnreadable):
        RING.unprotect(changed, "smtp.password", "host")


@settings(max_examples=300)
@given(data=st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    """A binary token with one bit changed, or cut anywhere, never opens."""
    token = RING.protect_bytes(b"correct horse", "message.content", "<id>")
    at = data.draw(st.integers(0, len(token) - 1))
    flipped = bytes([token[at] ^ (1 << data.draw(st.integers(0, 7)))])
    for changed in (token[:at] + flipped + token[at + 1 :], token[:at]):
        with pytest.raises(SecretUnreadable):
            RING.unprotect_bytes(changed, "message.content", "<id>")


@given(garbage=st.binary(max_size=80))
def test_garbage_is_unreadable_and_nothing_else(garbage: bytes) -> None:
    """Whatever stands in the database, the error is the one that the page shows."""
    with pytest.raises(SecretUnreadable):
        RING.unprotect_bytes(garbage, "message.content")
    with pytest.raises(SecretUnreadable):
        RING.unprotect(garbage.decode("latin-1"), "smtp.password")


def test_two_tokens_of_one_secret_differ() -> None:
    """The nonce is random, so equal secrets do not look equal."""
    assert RING.protect("secret", "p") != RING.protect("secret", "p")


def test_token_names_its_key() -> None:
    """Both envelopes tell which key to look for, and other things are no envelope."""
    assert RING.key_id(RING.protect("secret", "p")) == "new"
    assert RING.key_id(RING.protect_bytes(b"secret", "p")) == "new"
    for other in ("", "secret", "pe2.new.AAAA", b"", b"\x01", b"\x01\x05ab", b"\x02\x03new"):
        assert RING.key_id(other) is None


def test_unreadable_secret_says_what_and_by_which_key() -> None:
    """The error names the missing key, and tells what to do."""
    token = KeyRing([Key.generate("gone")]).protect("secret", "smtp.password")
    with pytest.raises(SecretUnreadable, match=r"smtp password .*'gone'.* Enter it again") as found:
        RING.unprotect(token, "smtp.password")
    assert found.value.key_id == "gone"


def test_rotation() -> None:
    """The first key encrypts, the older ones still decrypt, a forgotten one no more."""
    old = KeyRing.parse(f"old:{base64.b64encode(MATERIAL).decode()}")
    token = old.protect("secret", "p")
    both = old.with_new(Key.generate("new"))
    assert both.ids == ("new", "old")
    assert both.unprotect(token, "p") == "secret"
    assert both.key_id(both.protect("secret", "p")) == "new"
    with pytest.raises(SecretUnreadable):
        both.without("old").unprotect(token, "p")


def test_retiring_refuses_the_key_in_use_and_unknown_ones() -> None:
    """A ring cannot lose the key that encrypts, nor one it does not have."""
    with pytest.raises(KeyRingError, match="'new' is the one in use"):
        RING.without("new")
    with pytest.raises(KeyRingError, match=r"no encryption key 'x'. There are: new, old"):
        RING.without("x")


def test_keys_are_written_as_they_are_read() -> None:
    """The written form is read back, in either base64 alphabet, padded or not."""
    material = b"\xfb\xff" * 16
    key = Key("k-1_A", material)
    standard = base64.b64encode(material).decode()
    for text in (key.to_text(), f"k-1_A:{standard}", f" k-1_A:{standard.rstrip('=')} "):
        assert Key.parse(text).to_text() == key.to_text()
    ring = KeyRing.parse(f"{key.to_text()},\n old:{base64.b64encode(MATERIAL).decode()}\n")
    assert ring.ids == ("k-1_A", "old")
    assert KeyRing.parse(ring.to_text()).to_text() == ring.to_text()


def test_module_makes_a_key_without_an_app() -> None:
    """The command that the errors name prints a key that can be configured as it is."""
    command = [sys.executable, "-m", "plato_email.encryption"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert KeyRing.parse(made).to_text() == made


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "There is no encryption key"),
        ("c2VjcmV0c2VjcmV0c2VjcmV0", "has no id"),
        ("c2VjcmV0c2VjcmV0c2VjcmV0:kid", "The id of an encryption key"),
        ("kid:c2VjcmV0c2VjcmV0c2VjcmV0", "'kid' has 18 bytes instead of 32"),
        ("kid:c2VjcmV0!", "is not base64"),
        ("kid:c2VjcmV0é", "is not base64"),
        (f"a:{'QUJD' * 10}QUI,a:{'QUJD' * 10}QUI", "have the same id"),
    ],
)
def test_unreadable_keys_are_told_without_being_shown(text: str, problem: str) -> None:
    """A wrong key is an error with a cure, in which no part of the key appears."""
    with pytest.raises(KeyRingError, match=problem) as found:
        KeyRing.parse(text)
    shown = f"{found.value!r} {found.value.__cause__!r}"
    assert "c2VjcmV0" not in shown
    assert "QUJD" not in shown


def test_no_repr_and_no_pickle_of_a_key() -> None:
    """A key is neither shown nor carried away in a pickle or a copy."""
    assert (repr(RING), repr(RING.primary)) == ("KeyRing(new, old)", "Key('new')")
    for secret in (RING, RING.primary):
        for carry in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="not pickled"):
                carry(secret)


def test_digests_are_keyed_and_bounded() -> None:
    """A digest depends on the key, the purpose and the borders of its parts."""
    first, second = RING.digests("p", "a", "bc")
    assert first != second
    assert len(first) == 64
    assert (first, second) == RING.digests("p", "a", "bc")
    assert first not in {RING.digests(*parts)[0] for parts in (("p", "ab", "c"), ("q", "a", "bc"))}


def test_one_ring_serves_many_threads() -> None:
    """Threads encrypt and decrypt with the same ring at the same time."""

    def round_trip(number: int) -> bool:
        data = os.urandom(3000)
        token = RING.protect_bytes(data, "message.content", str(number))
        return RING.unprotect_bytes(token, "message.content", str(number)) == data

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(round_trip, range(400)))


def test_key_file_is_made_private_and_read_again(tmp_path: Path) -> None:
    """The first use makes folder and file, readable by the owner alone whatever the umask."""
    path = tmp_path / "instance" / "plato_email.keys"
    umask = os.umask(0)
    try:
        made = KeyFile(path).load_or_create()
    finally:
        os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert KeyFile(path).load_or_create().to_text() == made.to_text()
    assert [path] == list(path.parent.iterdir())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_key_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A key file open to others is not used, and the error gives the command that closes it."""
    file = KeyFile(tmp_path / "keys")
    file.load_or_create()
    file.path.chmod(mode)
    with pytest.raises(KeyRingError, match=rf"mode {mode:04o}.*Run: chmod 600 {file.path}"):
        file.load_or_create()
    file.path.chmod(0o600)
    file.load_or_create()


@pytest.mark.parametrize(
    "content", [b"", b"# nothing\n", b"kid:c2VjcmV0\n", b"c2VjcmV0", b"\xff\0"]
)
def test_malformed_key_file_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """A damaged key file is never replaced by a new key, and never shown."""
    path = tmp_path / "keys"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyRingError, match="cannot be used") as found:
        KeyFile(path).load_or_create()
    assert "c2VjcmV0" not in str(found.value)
    assert path.read_bytes() == content


def test_key_file_in_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """What the system refuses becomes an error with the way out."""
    (tmp_path / "file").touch()
    with pytest.raises(KeyRingError, match="or set PLATO_EMAIL_KEYS"):
        KeyFile(tmp_path / "file" / "keys").load_or_create()


def test_running_site_follows_new_keys(tmp_path: Path) -> None:
    """A key added by a command is used by a running process at once, and can be removed later."""
    site, command = KeyFile(tmp_path / "keys"), KeyFile(tmp_path / "keys")
    old = site.load_or_create().primary.id
    token = site.load_or_create().protect("secret", "p")
    assert site.load_or_create() is site.load_or_create()
    new = command.add_new()
    assert site.load_or_create().ids == (new, old)
    assert site.load_or_create().unprotect(token, "p") == "secret"
    with pytest.raises(KeyRingError, match="one in use"):
        command.remove(new)
    command.remove(old)
    assert site.load_or_create().ids == (new,)
    assert site.path.stat().st_mode & 0o777 == 0o600


def test_no_key_is_lost_when_several_are_added_at_once(tmp_path: Path) -> None:
    """Keys added at the same moment are all in the file afterwards."""
    KeyFile(tmp_path / "keys").load_or_create()
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: KeyFile(tmp_path / "keys").add_new(), range(12)))
    assert set(made) < set(KeyFile(tmp_path / "keys").load_or_create().ids)


def test_threads_that_race_get_one_key(tmp_path: Path) -> None:
    """Of many first uses at once, one makes the key and all use it."""
    for attempt in range(10):
        path, start = tmp_path / str(attempt) / "keys", threading.Barrier(6)

        def first_use(path: Path = path, start: threading.Barrier = start) -> str:
            start.wait()
            return KeyFile(path).load_or_create().to_text()

        with ThreadPoolExecutor(6) as pool:
            found = {future.result() for future in [pool.submit(first_use) for _ in range(6)]}
        assert len(found) == 1
        assert [path] == list(path.parent.iterdir())


def test_processes_that_race_get_one_key(tmp_path: Path) -> None:
    """Several servers that start at once on an empty folder agree on the key."""
    program = (
        "import sys; from plato_email.encryption import KeyFile\n"
        "sys.stdin.readline()\n"
        f"print(KeyFile({str(tmp_path / 'instance' / 'keys')!r}).load_or_create().ids[0])"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    found = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(found) == 1
