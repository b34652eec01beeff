"""From nothing to a session that is ready for mail: resolve, connect, greet, protect, log in."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from dataclasses import replace
from math import inf

from ..errors import Cause, Certificate, DeliveryError, Stage
from . import network, tls
from .auth import login
from .catchers import catcher_in
from .dialogue import Dialogue, Note, Progress
from .faults import OutOfStep, WireError
from .model import Observe, Security, Server
from .policy import is_loopback
from .presented import presented
from .reply import Reply, scrubber
from .wire import Deadline, Wire

_MASKED = re.compile(r"[*0 2]{12,}")
_EHLO_NAME = re.compile(r"[!-~]+")
_PUBLIC_NAME = re.compile(r"(?!localhost\b)[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


class Opening:
    """The steps before the first mail, each of which may end the session.

    Args:
        server: where, how protected, and as whom.
        deadline: for all of it.
        observe: called as each stage ends.
        patience: seconds that the greeting may take, where that is less.
    """

    def __init__(
        self,
        server: Server,
        deadline: Deadline,
        observe: Observe | None = None,
        patience: float = inf,
    ) -> None:
        self.capabilities: dict[str, str] = {}
        self.peer = ""
        """The server's IP address, once it is connected."""
        self.transcript: list[str] = []
        self._server = server
        self._host = network.bare_host(server.host)
        self._deadline = deadline
        self._patience = patience
        self._facts = server.facts()
        self._progress = Progress(observe, lambda: tuple(self.transcript), self._facts)

    def run(self) -> Dialogue:
        """Take every step; the socket is closed when one fails."""
        connected = self._connected()
        scrub = scrubber(self._server.username, self._server.password)
        wire = Wire(connected, self.peer, self._deadline, scrub)
        try:
            dialogue = Dialogue(wire, self.transcript, self._facts)
            self._greet(dialogue)
        except BaseException:
            wire.close()
            raise
        return dialogue

    def _connected(self) -> socket.socket:
        with self._progress.stage(Stage.RESOLVE) as note:
            where = (self._host, self._server.port)
            addresses = network.resolve(*where, self._deadline, self._server.allowed)
            note.detail = ", ".join(str(address) for address in addresses)
        with self._progress.stage(Stage.CONNECT) as note:
            port = self._server.port
            connected, self._address = network.connect(addresses, port, self._deadline)
            note.detail = str(self._address)
            self.peer = self._address.ip
        return connected

    def _greet(self, dialogue: Dialogue) -> None:
        security = self._server.security
        if security is Security.TLS:
            with self._progress.stage(Stage.TLS) as note:
                self._protect(dialogue, note)
        with self._progress.stage(Stage.GREETING) as note:
            dialogue.wire.deadline = self._deadline.within(self._patience)
            greeting = _positive(dialogue, Stage.GREETING, dialogue.hear())
            note.detail = str(greeting)
            dialogue.wire.deadline = self._deadline
        with self._progress.stage(Stage.EHLO) as note:
            self._introduce(dialogue)
            note.detail = self._offers()
        if security is Security.STARTTLS:
            self._start_tls(dialogue, greeting)
        if self._server.username:
            with self._progress.stage(Stage.LOGIN) as note:
                mechanism = login(dialogue, self.capabilities, self._server)
                note.detail = f"logged in with {mechanism}"

    def _start_tls(self, dialogue: Dialogue, greeting: Reply) -> None:
        with self._progress.stage(Stage.TLS) as note:
            if "STARTTLS" not in self.capabilities:
                raise self._no_starttls(greeting)
            _positive(dialogue, Stage.TLS, dialogue.ask("STARTTLS"))
            # Somebody on the way put commands or replies in front of the handshake (RFC 3207
            # section 4.2); read as part of the protected session they would be believed.
            try:
                dialogue.wire.check_step()
            except OutOfStep as fault:
                words = "Bytes came between STARTTLS and TLS; the line may be tampered with."
                raise DeliveryError(Stage.TLS, Cause.STARTTLS_TAMPERED, words) from fault
            self._protect(dialogue, note)
        # What was offered before TLS may have been tampered with (RFC 3207 section 4.2). To a
        # reader of the steps this EHLO is the one that was already reported, unless it fails.
        with self._progress.stage(Stage.EHLO, quiet=True):
            self._introduce(dialogue)

    def _no_starttls(self, greeting: Reply) -> DeliveryError:
        words = "The server does not offer STARTTLS."
        catcher = catcher_in(greeting.text)
        facts = replace(self._facts, catcher=catcher)
        # Cisco's ESMTP inspection writes X over the keyword and asterisks over the greeting:
        # cisco.com, ASA command reference, "allow-tls" and "mask-banner".
        masked = any(set(name) <= {"X", "A"} and len(name) > 5 for name in self.capabilities)
        if masked or _MASKED.search(str(greeting)):
            cause = Cause.STARTTLS_STRIPPED
        elif is_loopback(self._host):
            cause = Cause.STARTTLS_MISSING_LOCALLY
        elif catcher or "." not in self._host:
            cause = Cause.STARTTLS_MISSING_AT_CATCHER
        else:
            cause = Cause.STARTTLS_MISSING
        return DeliveryError(Stage.TLS, cause, words, facts=facts)

    def _protect(self, dialogue: Dialogue, note: Note) -> None:
        context = tls.trust(self._server.ca_file)
        try:
            note.detail = tls.describe(dialogue.wire.start_tls(context, self._host))
        except ssl.SSLError as error:
            facts = replace(self._facts, certificate=self._presented(error))
            raise tls.handshake_error(error, facts) from error

    def _presented(self, error: ssl.SSLError) -> Certificate | None:
        if not isinstance(error, ssl.SSLCertVerificationError):
            return None
        found = presented(self._address, self._server.security, self._host, self._deadline)
        return replace(found, issuer_missing=tls.misses_issuer(error))

    def _introduce(self, dialogue: Dialogue) -> None:
        """EHLO, or HELO to a server that does not know it (RFC 5321 section 4.1.1.1)."""
        name = _own_name(self._server.ehlo_name, dialogue.wire.local)
        self.capabilities.clear()
        reply = dialogue.ask(f"EHLO {name}")
        if reply.positive:
            self.capabilities.update(parse_capabilities(reply))
            return
        if reply.code // 100 != 5:
            raise dialogue.refusal(Stage.EHLO, reply)
        try:
            second = dialogue.ask(f"HELO {name}")
        except WireError:
            raise dialogue.refusal(Stage.EHLO, reply) from None
        _positive(dialogue, Stage.EHLO, second)

    def _offers(self) -> str:
        offered = (f"{name} {value}".strip() for name, value in self.capabilities.items())
        return "offers " + (", ".join(offered) or "nothing beyond plain SMTP")


def parse_capabilities(reply: Reply) -> dict[str, str]:
    """The keywords of an EHLO reply with their parameters (RFC 5321 section 4.1.1.1)."""
    found: dict[str, str] = {}
    for line in reply.lines[1:]:
        keyword, _, value = line.partition(" ")
        name, legacy, first = keyword.upper().partition("=")
        if legacy and name == "AUTH":
            # "AUTH=LOGIN": how it was written before the standard; some servers still do.
            value = f"{first} {value} {found.get('AUTH', '')}"
        elif name == "AUTH":
            value = f"{value} {found.get('AUTH', '')}"
        found[name if name == "AUTH" else keyword.upper()] = value.strip()
    return found


def _positive(dialogue: Dialogue, stage: Stage, reply: Reply) -> Reply:
    if not reply.positive:
        raise dialogue.refusal(stage, reply)
    return reply


def _own_name(configured: str | None, address: str) -> str:
    """The name for EHLO: as configured, else our host name, else our address as a literal.

    A bare word such as a container's id is refused by many servers, an address literal by few
    (RFC 5321 section 4.1.4). Nothing is looked up in the DNS, which might hang.
    """
    if configured:
        if not _EHLO_NAME.fullmatch(configured):
            words = f"{configured!r} cannot be the name of this machine in EHLO."
            raise DeliveryError(Stage.EHLO, Cause.OWN_NAME_MALFORMED, words)
        return configured
    name = socket.gethostname()
    return name if _PUBLIC_NAME.fullmatch(name) else _literal(address)


def _literal(address: str) -> str:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return f"[IPv6:{parsed}]" if parsed.version == 6 else f"[{parsed}]"
