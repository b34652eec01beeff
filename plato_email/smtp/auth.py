"""Login (RFC 4954): one attempt, with PLAIN (RFC 4616) or else LOGIN.

Every AUTH command is one failed login to a server that counts them, so a mechanism that fails is
not followed by another.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

from ..errors import Cause, DeliveryError, Stage
from .dialogue import Dialogue
from .model import Server
from .policy import is_loopback
from .reply import Reply

_COMMAND_CHARACTERS = 510
"""A command line with its line end is at most 512 octets (RFC 5321 section 4.5.3.1.4)."""


_TOKENS = frozenset({"XOAUTH2", "OAUTHBEARER"})
"""Mechanisms that take a token in place of a password (RFC 7628)."""


def login(dialogue: Dialogue, capabilities: Mapping[str, str], server: Server) -> str:
    """Log in once and return the mechanism.

    Raises:
        DeliveryError: the server refused it, or it was not tried because the server offers no
            mechanism that we speak, or because the password would have been readable on the way.
    """
    _check(dialogue, server)
    mechanism = _choose(dialogue, capabilities)
    log_in = _plain if mechanism == "PLAIN" else _login
    reply = log_in(dialogue, server.username, server.password)
    if reply.code == 334:
        # Asked for more than the mechanism has: end the exchange properly (RFC 4954 section 4).
        dialogue.ask("*")
    if not reply.positive:
        raise dialogue.refusal(Stage.LOGIN, reply)
    return mechanism


def _check(dialogue: Dialogue, server: Server) -> None:
    if "\0" in server.username + server.password:
        words = "The user name or the password contains a NUL character."
        raise _not_tried(dialogue, Cause.LOGIN_NOT_TEXT, words)
    if may_send_password(encrypted=dialogue.wire.tls is not None, peer=dialogue.wire.peer):
        return
    words = "The password was not sent, because the connection is not encrypted. Turn on TLS."
    raise _not_tried(dialogue, Cause.LOGIN_UNENCRYPTED, words)


def may_send_password(*, encrypted: bool, peer: str) -> bool:
    """Whether nobody between here and ``peer``, an IP address, can read what is sent."""
    return encrypted or is_loopback(peer)


def offers_login(capabilities: Mapping[str, str]) -> bool:
    """Whether the server offers a mechanism that is spoken here."""
    return bool(_mechanism(capabilities))


def _mechanism(capabilities: Mapping[str, str]) -> str:
    offered = capabilities.get("AUTH", "").upper().split()
    return next((each for each in ("PLAIN", "LOGIN") if each in offered), "")


def _choose(dialogue: Dialogue, capabilities: Mapping[str, str]) -> str:
    if "AUTH" not in capabilities:
        later = "STARTTLS" in capabilities and dialogue.wire.tls is None
        cause = Cause.LOGIN_AFTER_TLS if later else Cause.LOGIN_NOT_OFFERED
        words = "The server offers no login (no AUTH in its answer to EHLO)."
        raise _not_tried(dialogue, cause, words)
    mechanism = _mechanism(capabilities)
    if not mechanism:
        offered = tuple(capabilities["AUTH"].upper().split())
        tokens = not _TOKENS.isdisjoint(offered)
        raise _not_tried(
            dialogue,
            Cause.LOGIN_BY_TOKEN_ONLY if tokens else Cause.LOGIN_MECHANISM,
            "The server offers no login with a user name and a password that is supported here "
            f"(PLAIN or LOGIN); it offers {' '.join(offered) or 'none'}.",
            offered,
        )
    return mechanism


def _plain(dialogue: Dialogue, username: str, password: str) -> Reply:
    response = _base64(f"\0{username}\0{password}")
    command = f"AUTH PLAIN {response}"
    if len(command) <= _COMMAND_CHARACTERS:
        dialogue.say_secret(command, "AUTH PLAIN ***")
        return dialogue.hear()
    return _answer(dialogue, dialogue.ask("AUTH PLAIN"), response)


def _login(dialogue: Dialogue, username: str, password: str) -> Reply:
    reply = dialogue.ask("AUTH LOGIN")
    for response in (username, password):
        reply = _answer(dialogue, reply, _base64(response))
    return reply


def _answer(dialogue: Dialogue, challenge: Reply, response: str) -> Reply:
    """Answer a challenge; anything else is the end of the exchange and handed on."""
    if challenge.code != 334:
        if challenge.positive:
            raise dialogue.refusal(Stage.LOGIN, challenge)
        return challenge
    dialogue.say_secret(response, "***")
    return dialogue.hear()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def _not_tried(
    dialogue: Dialogue, cause: Cause, words: str, offered: tuple[str, ...] = ()
) -> DeliveryError:
    facts = replace(dialogue.facts, offered=offered)
    return DeliveryError(Stage.LOGIN, cause, words, facts=facts)
