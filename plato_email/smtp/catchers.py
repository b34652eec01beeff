"""Mail catchers: servers for development that deliver nothing, known by what they say."""

from __future__ import annotations

import re

# In the words of their greetings, or by the name under which they are reached. Mailtrap delivers
# too, by other servers than these.
_CATCHERS = re.compile(
    r"mailpit|mailhog|mailcatcher|maildev|^smtp\.mailtrap\.io|sandbox\.smtp\.mailtrap|smtp4dev"
    r"|smtp-sink|inbucket|greenmail|papercut|ethereal\.email|EventMachine SMTP|Python SMTP",
    re.IGNORECASE,
)


def catcher_in(words: str) -> str:
    """The catcher that ``words`` name, as they name it; "" where they name none."""
    found = _CATCHERS.search(words)
    return found[0] if found else ""
