"""What is known about one mail provider."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WHOLE_ADDRESS = "the whole address"
APP_ONLY = "an app password, not the password of the account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How mail is handed to one provider, and how it is recognised."""

    key: str
    name: str
    host: str
    """The submission server; ``{region}`` where each region has its own."""
    port: int
    tls_mode: str
    """``starttls``, ``tls``, or "" where the server speaks neither."""
    username: str
    """What the user name is, in words; "" where nobody logs in."""
    credential: str
    """What the password is, in words; "" where nobody logs in."""
    sources: tuple[str, ...]
    """Where the facts of this row were read."""
    takes_passwords: bool = True
    """False where only OAuth is let in, so that a site cannot log in."""
    username_value: str = ""
    """The user name where it is the same for everybody."""
    credential_link: str = ""
    """Where that is made."""
    warning: str = ""
    """What may stop somebody who has done all of the above."""
    limit: str = ""
    """What the provider lets one sender send."""
    domains: tuple[str, ...] = ()
    """Domains of mailboxes that anybody can have; nobody but the provider may send as them."""
    mx: tuple[str, ...] = ()
    """Names that the servers which receive mail for its customers' domains end in."""
    hosts: tuple[str, ...] = ()
    """More names of its submission servers."""
    spf: tuple[str, ...] = ()
    """What an SPF record includes to allow its servers; the first is the one to publish."""
    own_return_path: bool = False
    """Whether it replaces the envelope sender by a domain of its own, which SPF then judges."""
    selectors: tuple[str, ...] = ()
    """The DKIM selectors that its customers publish keys under."""

    @property
    def short_name(self) -> str:
        """The name without what stands in brackets behind it."""
        return self.name.partition(" (")[0]

    def settings_for(self, sender: str) -> Mapping[str, str]:
        """Return the fields of the settings form that this provider fills for ``sender``."""
        values = {"host": self.host, "port": str(self.port)}
        if self.tls_mode:
            values |= {"use_tls": "1", "tls_mode": self.tls_mode}
        else:
            values |= {"use_tls": ""}
        name = sender if self.username == WHOLE_ADDRESS else self.username_value
        if not self.username:
            values |= {"requires_login": "0"}
        elif name:
            values |= {"requires_login": "1", "username": name}
        return values

    def in_region(self, region: str) -> Provider:
        """Return the same provider with the server of ``region``."""
        return replace(self, host=self.host.format(region=region))


def ends_in(name: str, suffix: str) -> bool:
    """Tell whether a host name is ``suffix`` or lies below it."""
    return name == suffix or name.endswith(f".{suffix}")
