"""The ring of keys, and the envelopes that stored secrets travel in."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, NoReturn

from cryptography.exceptions import InvalidTag

from ..errors import KeyRingError, SecretUnreadable
from .keys import KEY_ID, NONCE_BYTES, TAG_BYTES, Key, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSION = "pe1"
_VERSION_BYTE = 1
_TOKEN = re.compile(rf"{_VERSION}\.({KEY_ID.pattern})\.([A-Za-z0-9_-]+)")


class KeyRing:
    """Keys in the order of use: the first encrypts, all decrypt.

    Rotation is a value: put a new key first, encrypt anew what the old one encrypted, then
    leave the old one out.

    Raises:
        KeyRingError: there is no key, or two have the same id.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = {key.id: key for key in keys}
        if not keys:
            raise KeyRingError(
                "There is no encryption key. Make one with: python -m plato_email.encryption"
            )
        if len(self._keys) < len(keys):
            raise KeyRingError("Two encryption keys have the same id. Give each its own.")

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Read keys written ``id:base64``, parted by commas or white space.

        Raises:
            KeyRingError: one cannot be read; the message never shows what was given.
        """
        return cls([Key.parse(entry) for entry in re.split(r"[\s,]+", text) if entry])

    @property
    def primary(self) -> Key:
        """The key that encrypts."""
        return next(iter(self._keys.values()))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids in the order of use."""
        return tuple(self._keys)

    def with_new(self, key: Key) -> KeyRing:
        """Return a ring in which ``key`` encrypts and all of these still decrypt."""
        return KeyRing([key, *self._keys.values()])

    def without(self, key_id: str) -> KeyRing:
        """Return a ring that has forgotten one key. Whatever it encrypted is then lost.

        Raises:
            KeyRingError: there is no such key, or it is the one that encrypts.
        """
        if key_id not in self._keys:
            raise KeyRingError(
                f"There is no encryption key {key_id!r}. There are: {', '.join(self.ids)}."
            )
        if key_id == self.primary.id:
            raise KeyRingError(
                f"Encryption key {key_id!r} is the one in use. "
                "Make its successor first: flask email keys new"
            )
        return KeyRing([key for key in self._keys.values() if key.id != key_id])

    def to_text(self) -> str:
        """Return all keys, a line each, as the key file holds them. This is the secret."""
        return "".join(f"{key.to_text()}\n" for key in self._keys.values())

    def protect(self, plaintext: str, purpose: str, *context: str) -> str:
        """Return ``plaintext`` encrypted, as ``pe1.<key id>.<base64>``.

        Args:
            plaintext: the secret.
            purpose: what it is, for instance ``"smtp.password"``.
            context: what it belongs to; it opens only with the same.
        """
        key = self.primary
        data = plaintext.encode("utf-8", "surrogatepass")
        return f"{_VERSION}.{key.id}.{_encoded(key.seal(data, _bound(key.id, purpose, context)))}"

    def unprotect(self, token: str, purpose: str, *context: str) -> str:
        """Return the secret that `protect` was given with the same purpose and context.

        Raises:
            SecretUnreadable: its key is not on the ring, or it was altered or moved.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise SecretUnreadable(_plain(purpose))
        sealed = _decoded(match[2])
        return self._opened(match[1], sealed, purpose, context).decode("utf-8", "surrogatepass")

    def protect_bytes(self, data: bytes, purpose: str, *context: str) -> bytes:
        """Return ``data`` encrypted, 30 bytes and the key's id longer; see `protect`."""
        key = self.primary
        head = bytes((_VERSION_BYTE, len(key.id))) + key.id.encode()
        return head + key.seal(data, _bound(key.id, purpose, context))

    def unprotect_bytes(self, token: bytes, purpose: str, *context: str) -> bytes:
        """Return the bytes that `protect_bytes` was given with the same purpose and context.

        Raises:
            SecretUnreadable: its key is not on the ring, or it was altered or moved.
        """
        key_id = self.key_id(token)
        if key_id is None:
            raise SecretUnreadable(_plain(purpose))
        return self._opened(key_id, token[2 + len(key_id) :], purpose, context)

    @staticmethod
    def key_id(token: str | bytes) -> str | None:
        """Return the id of the key that ``token`` names, or ``None`` where it is no envelope."""
        if isinstance(token, str):
            match = _TOKEN.fullmatch(token)
            return match[1] if match else None
        if len(token) < 2 or token[0] != _VERSION_BYTE:
            return None
        key_id = token[2 : 2 + token[1]].decode("latin-1")
        return key_id if len(key_id) == token[1] and KEY_ID.fullmatch(key_id) else None

    def digests(self, purpose: str, *parts: str) -> tuple[str, ...]:
        """Return one keyed digest of ``parts`` for each key, that of the primary key first.

        A digest is stored to tell later whether a value is still the same, without the database
        alone being enough to guess the value.
        """
        return tuple(key.digest((purpose, *parts)) for key in self._keys.values())

    def _opened(self, key_id: str, sealed: bytes, purpose: str, context: tuple[str, ...]) -> bytes:
        key = self._keys.get(key_id)
        if key is None or len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise SecretUnreadable(_plain(purpose), key_id)
        try:
            return key.open(sealed, _bound(key_id, purpose, context))
        except InvalidTag:
            raise SecretUnreadable(_plain(purpose), key_id) from None

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self.ids)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Encryption keys are not pickled or copied: load them where they are used.")


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """Return the bytes of ``text``, none where it is not what `_encoded` would have written."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return b""
    # The last character of base64 may have bits to spare; a changed one must not pass.
    return data if _encoded(data) == text else b""


def _bound(key_id: str, purpose: str, context: tuple[str, ...]) -> bytes:
    return joined((_VERSION, key_id, purpose, *context))


def _plain(purpose: str) -> str:
    return purpose.replace(".", " ")
