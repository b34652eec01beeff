"""DKIM (RFC 6376): the public key that a domain publishes under a selector."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .tags import read_tags

WEAKEST_BITS = 1024
"""RFC 8301 section 3.2: shorter RSA keys are not accepted; signers should use 2048."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is published."""

    kind: str
    bits: int
    revoked: bool = False
    testing: bool = False
    """Whether the domain says that it is only trying DKIM out (``t=y``)."""

    def __str__(self) -> str:
        return "Ed25519" if self.kind == "ed25519" else f"RSA, {self.bits} bits"


def read_key(text: str) -> Key:
    """Read the record of a selector.

    Raises:
        ValueError: no receiver can use it; the words say why.
    """
    tags = read_tags(text)
    if tags.get("v", "DKIM1") != "DKIM1":
        raise ValueError(f"it is of version {tags['v'][:20]!r}, not DKIM1")
    if "p" not in tags:
        raise ValueError("it has no p=, and so no key")
    kind = tags.get("k", "rsa")
    testing = "y" in tags.get("t", "").split(":")
    data = "".join(tags["p"].split())
    if not data:
        return Key(kind, 0, revoked=True, testing=testing)
    return Key(kind, _bits(kind, data), testing=testing)


def _bits(kind: str, data: str) -> int:
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its key is not written in base64; was it cut off?") from None
    if kind == "ed25519":
        if len(raw) != 32:
            raise ValueError("its key is not an Ed25519 key of 32 bytes")
        return 256
    if kind != "rsa":
        raise ValueError(f"its keys are of the unknown kind {kind[:20]!r}")
    try:
        key = load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("its key is not an RSA key; was it cut off?") from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("its key is not an RSA key")
    return key.key_size
