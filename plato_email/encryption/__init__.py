"""Secrets at rest: a ring of keys, and the envelope that stored secrets travel in.

AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D, section 8.2.2). The version, the key's
id, the purpose and the context are authenticated with the data, so that a stored secret opens
only in the place it was written for: a password copied to another row, or a row whose host was
changed by hand, is unreadable instead of being sent to a stranger.

One key may encrypt 2**32 messages (same document, section 8.3); change it long before.
"""

from __future__ import annotations

from .keyfile import KeyFile
from .keys import Key
from .ring import KeyRing

__all__ = ["Key", "KeyFile", "KeyRing"]
