"""The message as DATA carries it, and what MAIL has to announce about it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import Cause, DeliveryError, RecipientRefusal, Stage
from .model import Envelope

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NO_UTF8 = "it is not ASCII, and the server does not offer SMTPUTF8"


class Content:
    """Mail data in canonical form: lines end in CRLF and nowhere else.

    Raises:
        DeliveryError: a line end stands alone. Servers disagree about where such a line ends,
            and text that looks like commands to one of them could smuggle in a second mail.
    """

    def __init__(self, data: bytes) -> None:
        ends = data.count(b"\r\n")
        if not ends == data.count(b"\n") == data.count(b"\r"):
            words = "The message holds a carriage return or a line feed that stands alone."
            raise _refused(Stage.SENDER, Cause.CONTENT_MALFORMED, words, "5.6.0")
        self._data = data if data.endswith(b"\r\n") else data + b"\r\n"

    @property
    def size(self) -> int:
        """Octets as RFC 1870 section 5 counts them: with line ends, without added dots."""
        return len(self._data)

    @property
    def eight_bit(self) -> bool:
        """Whether 8BITMIME is needed (RFC 6152)."""
        return not self._data.isascii()

    @property
    def header_utf8(self) -> bool:
        """Whether a header field is not ASCII, which needs SMTPUTF8 (RFC 6531)."""
        return self.eight_bit and not self._data.partition(b"\r\n\r\n")[0].isascii()

    def stuffed(self) -> bytes:
        """The data with every leading dot doubled (RFC 5321 section 4.5.2)."""
        stuffed = self._data.replace(b"\r\n.", b"\r\n..")
        return b"." + stuffed if stuffed.startswith(b".") else stuffed


class Parameters:
    """What is said in MAIL beyond the address, and who can be mailed at all.

    Raises:
        DeliveryError: the message needs what the server does not offer.
    """

    def __init__(
        self, capabilities: Mapping[str, str], envelope: Envelope, content: Content
    ) -> None:
        self.deliverable: list[str] = []
        self.undeliverable: dict[str, RecipientRefusal] = {}
        self._capabilities = capabilities
        _check_address(Stage.SENDER, envelope.sender)
        self._sort(envelope)
        utf8 = content.header_utf8 or not "".join((envelope.sender, *self.deliverable)).isascii()
        if utf8 and "SMTPUTF8" not in capabilities:
            of_sender = not envelope.sender.isascii()
            cause = Cause.SENDER_NOT_ASCII if of_sender else Cause.ADDRESS_NOT_ASCII
            what = "sender's address" if of_sender else "message's header"
            words = f"The {what} cannot be sent: {_NO_UTF8}."
            raise _refused(Stage.SENDER, cause, words, "5.6.7")
        self.mail = self._size(content.size) + self._body(content) + " SMTPUTF8" * utf8

    def _sort(self, envelope: Envelope) -> None:
        if not envelope.recipients:
            words = "The message has no recipient."
            raise _refused(Stage.RECIPIENT, Cause.RECIPIENT_REFUSED, words, "5.5.4")
        for recipient in envelope.recipients:
            _check_address(Stage.RECIPIENT, recipient)
            if recipient.isascii() or "SMTPUTF8" in self._capabilities:
                self.deliverable.append(recipient)
            else:
                # The code that a server gives to it (RFC 6531 section 3.5).
                words = f"The address cannot be used: {_NO_UTF8}."
                refused = RecipientRefusal(553, "5.6.7", words, Cause.ADDRESS_NOT_ASCII)
                self.undeliverable[recipient] = refused

    def _size(self, size: int) -> str:
        """``SIZE=`` (RFC 1870), so that a message too large is refused before it is sent."""
        if "SIZE" not in self._capabilities:
            return ""
        offered = self._capabilities["SIZE"]
        limit = int(offered) if offered.isdecimal() and len(offered) <= 20 else 0
        if 0 < limit < size:
            words = f"The message has {size} bytes; the server takes no more than {limit}."
            raise _refused(Stage.SENDER, Cause.MESSAGE_TOO_LARGE, words, "5.3.4")
        return f" SIZE={size}"

    def _body(self, content: Content) -> str:
        if not content.eight_bit:
            return ""
        if "8BITMIME" not in self._capabilities:
            words = "The message is not ASCII, and the server does not offer 8BITMIME."
            raise _refused(Stage.SENDER, Cause.CONTENT_NOT_ASCII, words, "5.6.3")
        return " BODY=8BITMIME"


def _check_address(stage: Stage, address: str) -> None:
    if _CONTROL.search(address):
        words = f"The address {address!r} holds a control character."
        raise _refused(stage, Cause.ADDRESS_MALFORMED, words, "5.1.7")


def _refused(stage: Stage, cause: Cause, words: str, enhanced: str) -> DeliveryError:
    return DeliveryError(stage, cause, words, enhanced=enhanced)
