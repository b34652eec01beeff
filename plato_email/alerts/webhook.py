"""The webhook: one signed POST, to the very address that was judged, within a bounded time."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
import threading
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from ..smtp.policy import is_never_mailed

DEADLINE = 10.0
"""Seconds that a delivery may take in all."""


class WebhookError(Exception):
    """It was not delivered; the text says why, without the URL, which may hold a token."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what ``X-Plato-Email-Signature`` holds: HMAC-SHA256 of timestamp, dot and body."""
    said = timestamp.encode("ascii") + b"." + body
    return "v1=" + hmac.new(secret.encode("utf-8"), said, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where alerts go.

    Args:
        url: ``https://`` or ``http://``.
        secret: what deliveries are signed with; "": they are not.
    """

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        """The only part of the address that is shown."""
        return urlsplit(self.url).hostname or ""

    def post(self, body: bytes, timestamp: str, *, deadline: float = DEADLINE) -> None:
        """Deliver ``body``; any answer from 200 to 299 is an acceptance.

        No redirect is followed, no proxy of the environment is used, and certificates are checked.

        Raises:
            WebhookError: it was not accepted.
        """
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "plato_email",
            "Connection": "close",
            "X-Plato-Email-Timestamp": timestamp,
        }
        if self.secret:
            headers["X-Plato-Email-Signature"] = signature(self.secret, timestamp, body)
        try:
            status = _exchange(urlsplit(self.url), headers, body, deadline)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise WebhookError(_told(error)) from None
        if not 200 <= status < 300:
            raise WebhookError(f"{self.host} answered {status}.")


def _exchange(url: SplitResult, headers: dict[str, str], body: bytes, deadline: float) -> int:
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    connection = http.client.HTTPConnection(host, port, timeout=deadline)
    connection.sock = socket.create_connection((_judged(host, port), port), timeout=deadline)
    # A timeout bounds each step; this bounds them all, an answer in drops included.
    cut = threading.Timer(deadline, _cut, (connection,))
    cut.daemon = True
    cut.start()
    try:
        if url.scheme == "https":
            tls = ssl.create_default_context()
            connection.sock = secured = tls.wrap_socket(
                connection.sock, server_hostname=host, do_handshake_on_connect=False
            )
            secured.do_handshake()
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        cut.cancel()
        connection.close()


def _judged(host: str, port: int) -> str:
    """Return an address of ``host`` that may be called."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    allowed = [each for each in addresses if not is_never_mailed(each)]
    if len(allowed) < len(addresses) or not allowed:
        raise ValueError("leads to an address that no webhook can have (link-local, metadata)")
    return allowed[0]


def _cut(connection: http.client.HTTPConnection) -> None:
    try:
        connection.sock.shutdown(socket.SHUT_RDWR)
    except (OSError, AttributeError):  # it is closed already
        return


def _told(error: Exception) -> str:
    """Say what went wrong in one line."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Its certificate is not trusted: {error.verify_message}."
    if isinstance(error, TimeoutError):
        return "It did not answer in time."
    said = (str(error).splitlines() or [""])[0][:200]
    return f"{type(error).__name__}: {said}"
