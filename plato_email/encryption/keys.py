"""One key: what it encrypts, opens and digests."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from base64 import b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, NoReturn

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import KeyRingError

if TYPE_CHECKING:
    from collections.abc import Iterable

KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}")
NONCE_BYTES = 12
TAG_BYTES = 16
_KEY_BYTES = 32
_WRITTEN = "id:base64, where the base64 stands for 32 random bytes"


def joined(parts: Iterable[str]) -> bytes:
    """Put each part behind its length: ("ab", "c") and ("a", "bc") must not be the same bytes."""
    # A lone surrogate must not raise an error that carries the secret.
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join([b"%d:%b" % (len(part), part) for part in encoded])


class Key:
    """One AES-256 key and the id that envelopes name it by.

    Args:
        key_id: 1 to 16 letters, digits, ``-`` or ``_``.
        material: 32 random bytes.

    Raises:
        KeyRingError: either cannot be used.
    """

    __slots__ = ("_cipher", "_digest_key", "_material", "id")

    def __init__(self, key_id: str, material: bytes) -> None:
        if not KEY_ID.fullmatch(key_id):
            # The id is not shown: it may be a key put on the wrong side of the colon.
            raise KeyRingError(
                "The id of an encryption key is not 1 to 16 letters, digits, '-' or '_'. "
                f"Write {_WRITTEN}."
            )
        if len(material) != _KEY_BYTES:
            raise KeyRingError(
                f"Encryption key {key_id!r} has {len(material)} bytes instead of {_KEY_BYTES}. "
                "Make one with: python -m plato_email.encryption"
            )
        self.id = key_id
        self._material = bytes(material)
        self._cipher = AESGCM(self._material)
        # A key of its own for digests: one key, one algorithm.
        self._digest_key = hmac.digest(self._material, b"plato_email digest", "sha256")

    @classmethod
    def generate(cls, key_id: str | None = None) -> Key:
        """Return a new random key."""
        return cls(key_id or secrets.token_hex(4), secrets.token_bytes(_KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read ``id:base64``; both base64 alphabets, with or without padding.

        Raises:
            KeyRingError: it cannot be read; the message never shows what was given.
        """
        key_id, colon, encoded = text.strip().partition(":")
        if not colon:
            raise KeyRingError(f"An encryption key has no id. Write {_WRITTEN}.")
        material: bytes | None
        try:
            bare = encoded.rstrip("=").replace("-", "+").replace("_", "/")
            material = b64decode(bare + "=" * (-len(bare) % 4), validate=True)
        except ValueError:  # binascii.Error, and text that is not ASCII
            material = None
        if material is None:
            raise KeyRingError(f"An encryption key is not base64. Write {_WRITTEN}.")
        return cls(key_id, material)

    def to_text(self) -> str:
        """Return ``id:base64`` for the key file or ``PLATO_EMAIL_KEYS``. This is the secret."""
        return f"{self.id}:{urlsafe_b64encode(self._material).decode().rstrip('=')}"

    def seal(self, data: bytes, bound: bytes) -> bytes:
        """Return nonce, ciphertext and tag of ``data``, with ``bound`` authenticated."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, bound)

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """Return what `seal` was given.

        Raises:
            InvalidTag: any byte of ``sealed`` or ``bound`` differs.
        """
        return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)

    def digest(self, parts: Iterable[str]) -> str:
        """Return the HMAC-SHA256 of ``parts`` in hex: comparable, but not guessable without us."""
        return hmac.digest(self._digest_key, joined(parts), "sha256").hex()

    def __repr__(self) -> str:
        return f"Key({self.id!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Encryption keys are not pickled or copied: load them where they are used.")
