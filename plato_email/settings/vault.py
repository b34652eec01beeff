"""The two secrets among the settings: encrypted for the place that they belong to."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import KeyRingError, SecretUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..encryption import KeyRing
    from .values import Settings

SECRETS = ("username", "password")
"""In this order: the password belongs to the user name."""
_TESTED = "settings.tested"


class Opened(NamedTuple):
    """What came of decrypting the stored secrets."""

    settings: Settings
    unreadable: frozenset[str] = frozenset()
    key_problem: str = ""


class Vault:
    """Encrypts and decrypts; asks for the keys only where there is a secret.

    Args:
        key_ring: returns the keys, or raises `KeyRingError`.
    """

    def __init__(self, key_ring: Callable[[], KeyRing]) -> None:
        self.key_ring = key_ring

    def seal(self, name: str, settings: Settings) -> str:
        """Return the secret ``name`` of ``settings`` as it is stored; no secret is stored as "".

        Raises:
            KeyRingError: there is a secret and no key.
        """
        secret: str = getattr(settings, name)
        if not secret:
            return ""
        return self.key_ring().protect(secret, _purpose(name), *_context(name, settings))

    def open(self, tokens: Mapping[str, str], settings: Settings) -> Opened:
        """Return ``settings`` with the secrets of ``tokens``; an unreadable one reads as ""."""
        stored = {name: token for name, token in tokens.items() if token}
        if not stored:
            return Opened(settings)
        try:
            ring = self.key_ring()
        except KeyRingError as error:
            return Opened(settings, frozenset(stored), str(error))
        unreadable = set()
        for name in SECRETS:
            if name not in stored:
                continue
            try:
                secret: Any = _open(ring, name, stored[name], settings)
            except SecretUnreadable:
                unreadable.add(name)
            else:
                settings = replace(settings, **{name: secret})
        return Opened(settings, frozenset(unreadable))

    def renew(
        self, tokens: Mapping[str, str], settings: Settings
    ) -> tuple[dict[str, str], set[str]]:
        """Return the tokens of older keys, encrypted by the primary one, and what is unreadable.

        Args:
            tokens: what is stored.
            settings: the settings in force, which the password belongs to.
        """
        ring = self.key_ring()
        renewed: dict[str, str] = {}
        unreadable: set[str] = set()
        for name, token in tokens.items():
            if not token or ring.key_id(token) == ring.primary.id:
                continue
            try:
                secret = _open(ring, name, token, settings)
            except SecretUnreadable:
                unreadable.add(name)
            else:
                renewed[name] = ring.protect(secret, _purpose(name), *_context(name, settings))
        return renewed, unreadable

    def fingerprints(self, settings: Settings) -> tuple[str, ...]:
        """Return what tells later whether a test still proves anything; the first is stored.

        It is keyed, one for each key on the ring: who has the database alone cannot try
        passwords on it, and a new key does not make it void.
        """
        proven = (*settings.login_context, settings.default_sender)
        if settings.password:
            try:
                return self.key_ring().digests(_TESTED, *proven, settings.password)
            except KeyRingError:
                # A pinned password needs no key. Without one it is left out, not exposed.
                pass
        return (hashlib.sha256(repr(proven).encode("utf-8", "replace")).hexdigest(),)


def _purpose(name: str) -> str:
    return f"smtp.{name}"


def _context(name: str, settings: Settings) -> tuple[str, ...]:
    return settings.login_context if name == "password" else ()


def _open(ring: KeyRing, name: str, token: str, settings: Settings) -> str:
    return ring.unprotect(token, _purpose(name), *_context(name, settings))
