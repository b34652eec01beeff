"""The mail that every contender sends: text and HTML, about 2 KB, to one recipient."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.utils import localtime, make_msgid

SENDER = "Shop <shop@example.org>"
RECIPIENT = "ann@example.com"
LINE = "This is a line of an ordinary mail, about as long as lines are.\n"
TEXT = "Hello Ann,\n\n" + LINE * 12
HTML = "<html><body>\n" + f"<p>{LINE}</p>\n" * 12 + "</body></html>\n"


def subject(number: int) -> str:
    """The sink knows a mail by the number in its subject."""
    return f"Order {number}"


def standard(number: int) -> bytes:
    """Build the mail with the standard library."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = SENDER
    message["To"] = RECIPIENT
    message["Subject"] = subject(number)
    message["Date"] = localtime()
    message["Message-ID"] = make_msgid(domain="example.org")
    message.set_content(TEXT)
    message.add_alternative(HTML, subtype="html")
    return message.as_bytes()


READY = standard(0)


def ready(number: int) -> bytes:
    """Return the mail without building it: only the number is put in."""
    return READY.replace(b"Order 0", b"Order %d" % number, 1)
