"""Every key of ``app.config`` and the environment that plato_email reads, as one table.

A key is taken from ``app.config`` first, then from the environment variable of the same name,
then from Flask-Mail's ``MAIL_*`` key where there is one, then from the default. A key set in the
first two *pins* the settings field it stands for: the page shows it read-only. The reference
page docs/reference/configuration.md is made from this table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from .errors import ConfigurationError
from .settings.pasted import holds_login

Parse = Callable[[object], Any]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is not a text")
    return value.strip()


def _webhook(value: object) -> str:
    text = _text(value)
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and not url.username
        usable = usable and (url.port is None or url.port > 0) and text.isascii()
    except ValueError:
        usable = False
    if text and not (usable and text.isprintable() and " " not in text):
        raise ValueError("is not an address such as https://example.com/hook")
    return text


def _list(value: object) -> str:
    return ", ".join(map(_text, value)) if isinstance(value, list | tuple) else _text(value)


def _flag(value: object) -> bool:
    """Truth as people write it: the text "False" must not be true."""
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    known = words.get(str(value).strip().lower())
    if known is None:
        raise ValueError("is neither true nor false")
    return known


def _between(low: int, high: int) -> Parse:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(f"is not a whole number from {low} to {high}")
        try:
            number = int(value)
        except ValueError:
            raise ValueError(f"is not a whole number from {low} to {high}") from None
        if not low <= number <= high:
            raise ValueError(f"is not between {low} and {high}")
        return number

    return parse


def _word(*words: str) -> Parse:
    def parse(value: object) -> str:
        if str(value).strip().lower() not in words:
            raise ValueError(f"is none of {', '.join(words)}")
        return str(value).strip().lower()

    return parse


def _poller(value: object) -> bool | None:
    return None if str(value).strip().lower() == "auto" else _flag(value)


def _names(value: object) -> tuple[str, ...]:
    """A list, or one text with commas."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        raise ValueError("is neither a list nor a text with commas")
    names = tuple(text for each in given if (text := _text(each)))
    if value and not names:
        raise ValueError("names nothing")
    return names


def _prefix(value: object) -> str:
    text = _text(value).rstrip("/")
    if not text.startswith("/"):
        raise ValueError("is not a path such as /admin/email")
    return text


def _resolver(value: object) -> tuple[str, int]:
    """``192.0.2.53``, ``192.0.2.53:5353`` or ``[2001:db8::53]:53``."""
    text = _text(value)
    try:
        if text.count(":") > 1 and "[" not in text:
            return str(ip_address(text)), 53
        parts = urlsplit(f"//{text}")
        return str(ip_address(parts.hostname or "")), parts.port or 53
    except ValueError:
        raise ValueError("is not the IP address of a DNS server, its port behind it") from None


def _selectors(value: object) -> tuple[str, ...]:
    """DKIM selectors, with commas between them."""
    names = tuple(each.strip().lower() for each in _text(value).split(",") if each.strip())
    if not names or not all(re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", each) for each in names):
        raise ValueError("is not a DKIM selector, or several with commas between them")
    return names


@dataclass(frozen=True)
class Option:
    """One key: its name, its default, how it is read, and what it is for."""

    name: str
    default: object
    parse: Parse
    help: str
    field: str = ""
    """The settings field that the key pins, or "" where it pins none."""
    flask_mail: str = ""
    """Flask-Mail's key that gives the default while ours is not set."""

    @property
    def key(self) -> str:
        """The name as it stands in ``app.config`` and the environment."""
        return f"PLATO_EMAIL_{self.name}"

    @property
    def secret(self) -> bool:
        """Whether the value must never be shown."""
        return self.name in ("PASSWORD", "USERNAME", "KEYS", "ALERT_URL", "ALERT_SECRET")


def _pin(name: str, parse: Parse, text: str, flask_mail: str = "") -> Option:
    """An option that stands for the settings field of the same name."""
    return Option(name, None, parse, text, name.lower(), flask_mail)


OPTIONS: tuple[Option, ...] = (
    _pin("DEFAULT_SENDER", _text, "Sender of mail that names none.", "MAIL_DEFAULT_SENDER"),
    _pin("HOST", _text, "SMTP server: a host name or an IP address.", "MAIL_SERVER"),
    _pin("PORT", _between(1, 65535), "Port of the SMTP server.", "MAIL_PORT"),
    _pin("USERNAME", _text, "User name, if the server asks for one.", "MAIL_USERNAME"),
    _pin("PASSWORD", str, "Password; set HOST too, it goes wherever that points.", "MAIL_PASSWORD"),
    _pin("USE_TLS", _flag, "TLS or no mail at all.", "MAIL_USE_TLS"),
    _pin("TLS_MODE", _word("automatic", "starttls", "tls"), "How TLS begins."),
    _pin("POLL_INTERVAL", _between(1, 86400), "Seconds that Batch Size is counted over."),
    _pin("BATCH_SIZE", _between(1, 10_000), "Mails taken from the queue in one interval."),
    _pin("SEND_ATTEMPTS", _between(1, 100), "Tries of one message."),
    _pin("POLLING_ENABLED", _flag, "False: mail is queued and none is sent."),
    _pin("MODE", _word("live", "redirect", "allow", "hold"), "Who gets mail: see the how-to."),
    _pin("REDIRECT_TO", _text, "The address that all mail goes to in mode redirect."),
    _pin("ALLOWED_RECIPIENTS", _list, "Addresses and domains that get mail in mode allow."),
    Option("URL_PREFIX", "/admin/email", _prefix, "Where the pages are mounted."),
    Option("BIND_KEY", "", _text, "The SQLALCHEMY_BINDS key of the database that holds the queue."),
    Option(
        "POLLER",
        None,
        _poller,
        "auto: a sender thread in every process that serves; True: always; False: never.",
    ),
    Option(
        "KEYS",
        "",
        _text,
        'Encryption keys, "id:base64,id:base64": the first encrypts, all decrypt.',
    ),
    Option(
        "KEY_FILE",
        "",
        _text,
        "File of the keys where KEYS is not set; default plato_email.keys in the instance folder.",
    ),
    Option("CA_FILE", "", _text, "PEM file of the authorities that the SMTP server is trusted by."),
    Option(
        "ALLOWED_SERVERS",
        (),
        _names,
        "The only SMTP servers that may be reached, by name, *.name or network, each with :port or "
        'without: "smtp.example.com:587, *.example.org, 10.0.0.0/8:25". Empty: any.',
    ),
    Option("EHLO_NAME", "", _text, "Name that this machine gives itself in EHLO."),
    Option(
        "RESOLVER",
        None,
        _resolver,
        "DNS server for the look-ups of the settings page; not set: the system's.",
    ),
    Option(
        "DKIM_SELECTOR",
        (),
        _selectors,
        "Selectors that the site's mail is signed with, to be looked up for the settings page.",
    ),
    Option(
        "MAX_MESSAGE_BYTES",
        25 * 1024 * 1024,
        _between(10_000, 200 * 1024 * 1024),
        "Largest message that send() accepts, in bytes as sent.",
    ),
    Option(
        "CONNECTIONS",
        2,
        _between(1, 64),
        "SMTP connections that one process opens at a time while there is a backlog.",
    ),
    Option(
        "DELIVERY_TIMEOUT",
        300,
        _between(5, 900),
        "Seconds that the delivery of one message may take in all.",
    ),
    Option(
        "ON_UNKNOWN",
        "retry",
        _word("retry", "park"),
        "A message whose answer was lost after the final dot: sent again, or parked as failed.",
    ),
    Option(
        "TESTS_PER_MINUTE",
        6,
        _between(1, 1000),
        "Tests that the settings page makes in a minute at most, over all processes.",
    ),
    Option(
        "KEEP_SENT_DAYS", 30, _between(0, 3650), "Days that the rows of sent messages are kept."
    ),
    Option(
        "KEEP_SENT_BODIES_DAYS",
        0,
        _between(0, 3650),
        "Days that the contents of sent messages are kept; 0 drops them at once.",
    ),
    Option(
        "KEEP_FAILED_DAYS",
        30,
        _between(0, 3650),
        "Days that failed messages are kept, and those that some of their recipients did not get; "
        "0 deletes failed ones, and the contents of the others, at once.",
    ),
    Option(
        "ALERT_URL", "", _webhook, "Where alerts are posted: mail is failing, mail flows again."
    ),
    Option("ALERT_SECRET", "", _text, "What alerts are signed with (HMAC-SHA256)."),
    Option("ALERT_AFTER", 15, _between(1, 10_080), "Minutes that mail must fail before an alert."),
    Option(
        "KEEP_AUDIT_DAYS",
        365,
        _between(1, 36_500),
        "Days that the log of who did what is kept.",
    ),
)

BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}


@dataclass(frozen=True)
class Config:
    """The typed values of one app, read once at ``init_app``."""

    values: Mapping[str, Any]
    pins: Mapping[str, tuple[str, Any]]
    """Settings field -> (key, value) of the fields that the configuration pins."""
    defaults: Mapping[str, Any]
    """Settings field -> value that Flask-Mail's keys give while nothing is stored."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def __repr__(self) -> str:
        shown = {
            n: "…" if v and (BY_NAME[n].secret or holds_login(str(v))) else v
            for n, v in self.values.items()
        }
        return f"Config({shown})"


def read_config(app_config: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """Read every option.

    Raises:
        ConfigurationError: a value cannot be used, or a ``PLATO_EMAIL_`` key is not known.
    """
    _refuse_unknown(app_config)
    _refuse_unknown(environ)
    values: dict[str, Any] = {}
    pins: dict[str, tuple[str, Any]] = {}
    defaults: dict[str, Any] = {}
    for option in OPTIONS:
        raw = app_config.get(option.key)
        if raw is None:
            raw = _from_environment(option, environ)
        if raw is not None:
            values[option.name] = _parsed(option, option.key, raw)
            if option.field:
                pins[option.field] = (option.key, values[option.name])
            continue
        values[option.name] = option.default
        if option.flask_mail and (mail := app_config.get(option.flask_mail)) is not None:
            defaults[option.field] = _parsed(option, option.flask_mail, mail)
    if _parsed(BY_NAME["USE_TLS"], "MAIL_USE_SSL", app_config.get("MAIL_USE_SSL") or False):
        defaults |= {"use_tls": True, "tls_mode": "tls"}
    return Config(values, pins, defaults)


def _from_environment(option: Option, environ: Mapping[str, str]) -> str | None:
    """An empty variable is one that is not set, except where that would be dangerous."""
    raw = environ.get(option.key)
    if raw == "" and option.name == "KEYS":
        raise ConfigurationError(
            f"{option.key} is set and empty: this machine would make keys of its own. "
            "Give it the keys, or unset it."
        )
    return raw or None


def _refuse_unknown(keys: Iterable[str]) -> None:
    """A misspelt key would be a setting silently not applied: TLS, for instance."""
    for key in keys:
        name = key.removeprefix("PLATO_EMAIL_")
        if name != key and name not in BY_NAME:
            near = get_close_matches(name, BY_NAME, 1)
            meant = f"Did you mean PLATO_EMAIL_{near[0]}? " if near else ""
            raise ConfigurationError(
                f"{key} is not a key of plato_email. {meant}"
                "docs/reference/configuration.md lists the keys there are."
            )


def _parsed(option: Option, key: str, raw: object) -> Any:
    if isinstance(raw, tuple | list) and option.name == "DEFAULT_SENDER" and len(raw) == 2:
        name = str(raw[0]).replace("\\", r"\\").replace('"', r"\"")
        raw = f'"{name}" <{raw[1]}>'
    try:
        return option.parse(raw)
    except ValueError as error:
        hides = option.secret or holds_login(str(raw))
        shown = "its value" if hides else repr(raw)
        raise ConfigurationError(f"{key}: {shown} {error}. {option.help}") from None
