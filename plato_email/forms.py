"""The settings form: its fields and words as data, what was typed, and what is to be said of it.

The rules are in ``settings``; here is only how they look. Nothing in a form can hold a password
that is shown: the password field has no value on any page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from .filling import filled
from .settings import read_server
from .settings.pasted import without_login

if TYPE_CHECKING:
    from collections.abc import Collection

    from werkzeug.datastructures import MultiDict

    from .settings import StoredSettings

Value = str | bool


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the page: its name in the form, its label and its one line of help."""

    name: str
    label: str
    help: str
    kind: str = "text"
    """text, number, lines, password, choice, radio or switch: which macro of ``_fields.html``
    draws it."""
    placeholder: str = ""
    unit: str = ""
    width: str = ""
    """wide, half, third, or "" for the whole row."""
    autocomplete: str = "off"
    choices: tuple[tuple[str, str], ...] = ()


_MODES = (
    ("live", "Live: mail goes to its recipients"),
    ("redirect", "Redirect: every mail goes to one address, whoever it was for"),
    ("allow", "Allow-list only: mail goes to the addresses and domains on a list"),
    ("hold", "Hold: mail is queued and none is sent"),
)
FIELDS: tuple[Field, ...] = (
    Field(
        "default_sender",
        "Default Sender",
        "Mail is from this address unless a message names another. "
        "A name may stand before it: Example Site <noreply@example.com>.",
        placeholder="noreply@example.com",
    ),
    Field(
        "host",
        "Server Address",
        "Host name or IP address of the mail server.",
        placeholder="smtp.example.com",
        width="wide",
    ),
    Field(
        "port",
        "Server Port",
        "Left empty, the usual one: 25, or 587 or 465 with TLS.",
        "number",
        placeholder="auto",
        width="third",
    ),
    Field("username", "Username", "Often the whole address.", width="half"),
    Field("password", "Password", "", "password", width="half", autocomplete="new-password"),
    Field(
        "use_tls",
        "Enable TLS / SSL",
        "An encrypted connection or no mail at all: never a silent fall-back.",
        "switch",
    ),
    Field(
        "tls_mode",
        "TLS begins",
        "Automatic suits nearly every server.",
        "choice",
        choices=(
            ("automatic", "Automatic: at once on port 465, else by STARTTLS"),
            ("starttls", "STARTTLS: after a first greeting (usual on 587 and 25)"),
            ("tls", "TLS: from the first byte (usual on 465)"),
        ),
    ),
    Field(
        "polling_enabled",
        "Enable Outbound Polling",
        "Off: mail is still queued, but none is sent until this is on again.",
        "switch",
    ),
    Field(
        "poll_interval",
        "Interval",
        "The time that Batch Size counts for. A single mail does not wait for it.",
        "number",
        unit="seconds",
        width="third",
    ),
    Field(
        "batch_size",
        "Batch Size",
        "Most mails taken from the queue in one interval, by all processes together.",
        "number",
        unit="mails",
        width="third",
    ),
    Field(
        "send_attempts",
        "Send Attempts",
        "Tries of one mail until it counts as failed. A server that is down costs none.",
        "number",
        unit="tries",
        width="third",
    ),
    Field(
        "mode",
        "Mode",
        "A test email goes to its recipient in any mode, and nothing in the queue is changed.",
        "radio",
        choices=_MODES,
    ),
    Field(
        "redirect_to",
        "Redirect to",
        "To, Cc and Bcc alike. Who a mail was for is told by the name beside the address, and in "
        "its header.",
        placeholder="staging@example.com",
    ),
    Field(
        "allowed_recipients",
        "Allowed recipients",
        "Separated by commas or lines. example.com stands for its addresses, *.example.com for "
        "those of its subdomains.",
        "lines",
        placeholder="example.com, tester@example.org",
    ),
)
LOGIN = Field(
    "requires_login",
    "Requires authentication",
    "Off: mail is handed over without a login, and a stored login is removed.",
    "switch",
)
"""A field of the page alone: what is stored is a user name, or none."""
RECIPIENT = Field("recipient", "Test recipient", "", placeholder="you@example.com")
BY_NAME: Mapping[str, Field] = {each.name: each for each in (*FIELDS, RECIPIENT)}


@dataclass(frozen=True, slots=True)
class BoundField:
    """A field with what stands in it and what is to be said about that."""

    field: Field
    value: Value
    problem: str = ""
    note: str = ""
    pinned_by: str = ""
    """The key of the site's configuration that sets it, or "" where it can be edited."""
    stored: str = ""
    """What somebody else has stored meanwhile, where that differs from what was typed."""
    concealed: bool = False
    """Whether the person may not see the value: there is none here then, and none is sent."""

    @property
    def id(self) -> str:
        """The id of the input."""
        return f"pe-{self.field.name}"

    @property
    def described_by(self) -> str:
        """The ids of all that is said about the field, for ``aria-describedby``."""
        said = {
            "stored": self.stored,
            "note": self.note,
            "pin": self.pinned_by,
            "help": self.field.help,
        }
        parts = ["problem", *(part for part, text in said.items() if text)]
        return " ".join(f"{self.id}-{part}" for part in parts)


_NOT_KEPT = "The password that you typed is never put back on the page: type it again."


class Way(NamedTuple):
    """A link to a field."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class SettingsForm:
    """The whole form, as it stands on one page."""

    values: Mapping[str, Value]
    version: int
    pinned: Mapping[str, str]
    unreadable: frozenset[str] = frozenset()
    has_password: bool = False
    requires_login: bool = False
    password: str = field(default="", repr=False)
    unshown: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Field -> what was typed, where it holds a login: ``values`` has it without."""
    clear_password: bool = False
    problems: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    concealed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, stored: StoredSettings) -> SettingsForm:
        """The form of a page that is opened: what is stored."""
        settings = stored.settings
        values = {each.name: _shown(getattr(settings, each.name)) for each in FIELDS}
        values |= {"password": "", "recipient": settings.sender_address}
        if not settings.host and "port" not in stored.pinned:
            values["port"] = ""  # so that the port follows the choice of TLS
        lost = stored.unreadable & {"username", "password"}
        return cls(
            values=values,
            version=stored.version,
            pinned=stored.pinned,
            unreadable=stored.unreadable,
            has_password=bool(settings.password) or "password" in lost,
            requires_login=bool(settings.username or lost),
        )

    @classmethod
    def typed(
        cls, data: MultiDict[str, str], stored: StoredSettings, *, comes_back: bool = True
    ) -> SettingsForm:
        """The form as it was sent, with what the pressed button fills in.

        A pinned field keeps its value, whatever was sent for it. Where the whole form comes back,
        a URL with a login is taken apart, and the fields of the login are opened.
        """
        data = filled(data)
        opened = cls.of(stored)
        values = dict(opened.values)
        for each in FIELDS:
            if each.name not in stored.pinned:
                values[each.name] = _typed(each, data, values[each.name])
        values["password"] = ""
        values["recipient"] = data.get("recipient", str(values["recipient"])).strip()
        unshown = _cut_logins(values)
        fills = comes_back and "host" in unshown
        notes = _fill_in_server(values, stored.pinned) if fills else {}
        login = _wants_login(data, opened) or bool(notes and "username" not in stored.pinned)
        if not login and "username" not in stored.pinned:
            values["username"] = ""
        typed_password = login and "password" not in stored.pinned
        return replace(
            opened,
            values=values,
            version=data.get("version", default=0, type=int),
            requires_login=login,
            password=data.get("password", "") if typed_password else "",
            unshown=unshown,
            notes=notes,
            clear_password=not login or "clear_password" in data,
        )

    def to(self, recipient: str) -> SettingsForm:
        """The same form with another recipient of the test; "" leaves it alone."""
        if not recipient:
            return self
        return replace(self, values={**self.values, "recipient": recipient})

    def raw(self) -> dict[str, Value]:
        """What the rules of ``settings`` are to judge: only what can be edited."""
        typed = {**self.values, **self.unshown}
        fields = {name: typed[name] for name in typed if name != "recipient"}
        fields |= {"password": self.password, "clear_password": self.clear_password}
        if "username" not in self.pinned:
            fields["requires_login"] = self.requires_login
        return {name: value for name, value in fields.items() if name not in self.pinned}

    def saying(
        self,
        problems: Mapping[str, str] | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> SettingsForm:
        """The same form with what is wrong, and what was understood, next to its fields."""
        return replace(
            self,
            problems={**self.problems, **(problems or {})},
            notes={**self.notes, **(notes or {})},
        )

    def against(self, stored: StoredSettings) -> SettingsForm:
        """The same form over settings that somebody else has saved meanwhile.

        What was typed stays; each field that differs tells what is stored. The version becomes
        the stored one, so that saving again overwrites, this time knowingly.
        """
        theirs = SettingsForm.of(stored)
        differing = {
            each.name: _in_words(each, theirs.values[each.name])
            for each in FIELDS
            if each.name != "password" and self.values[each.name] != theirs.values[each.name]
        }
        return replace(
            self, version=stored.version, has_password=theirs.has_password, stored=differing
        )

    def concealing(self, *names: str) -> SettingsForm:
        """The same form for somebody who may not see what stands in these fields."""
        return replace(self, concealed=frozenset(names))

    def __getitem__(self, name: str) -> BoundField:
        if name == "password":
            return self._password()
        if name in self.concealed:
            help_text = "Shown to those who may change the settings."
            return BoundField(replace(BY_NAME[name], help=help_text), "", concealed=True)
        return BoundField(
            BY_NAME[name],
            self.values[name],
            problem=self.problems.get(name, "") or self._lost(name),
            note=self.notes.get(name, ""),
            pinned_by=self.pinned.get(name, ""),
            stored=self.stored.get(name, ""),
        )

    def _password(self) -> BoundField:
        """The field that is written and never read: it says what there is in words."""
        known = BY_NAME["password"]
        pinned_by = self.pinned.get("password", "")
        lost = self._lost("password")
        if self.has_password and not (pinned_by or lost):
            known = replace(known, help="A password is stored. Leave this blank to keep it.")
        said = [self.notes.get("password", ""), _NOT_KEPT if self.password else ""]
        return BoundField(
            known,
            "",
            problem=self.problems.get("password", "") or lost,
            note=" ".join(filter(None, said)),
            pinned_by=pinned_by,
        )

    @property
    def login(self) -> BoundField:
        """The switch that opens user name and password; a pinned user name decides it."""
        return BoundField(LOGIN, self.requires_login, pinned_by=self.pinned.get("username", ""))

    def way_to(self, name: str) -> Way:
        """Where to go to change a field: to the switch that opens it, while that is off."""
        if name in ("username", "password") and not self.requires_login:
            return Way(self.login.id, LOGIN.label)
        if name == "tls_mode" and not self.values["use_tls"]:
            name = "use_tls"
        return Way(self[name].id, BY_NAME[name].label)

    def _lost(self, name: str) -> str:
        if name not in self.unreadable or name in self.pinned:
            return ""
        return f"The stored {name} cannot be read: its key is gone. Enter it again."

    @property
    def all(self) -> list[BoundField]:
        """Every field, in the order of the page."""
        return [self[name] for name in BY_NAME]

    @property
    def wrong(self) -> list[BoundField]:
        """The fields with a problem, in the order of the page."""
        return [self[name] for name in BY_NAME if name in self.problems]


def _shown(value: object) -> Value:
    return value if isinstance(value, bool) else str(value)


def _cut_logins(values: dict[str, Value]) -> dict[str, str]:
    """Take logins out of the values, and return the whole of those that had one."""
    typed = {name: value for name, value in values.items() if isinstance(value, str)}
    safe = {name: without_login(value) for name, value in typed.items()}
    values |= safe
    return {name: value for name, value in typed.items() if value != safe[name]}


def _fill_in_server(values: dict[str, Value], pinned: Collection[str]) -> dict[str, str]:
    """Put host, port and TLS of a URL that held a login into their fields, to be looked over."""
    try:
        server = read_server(values["host"])
    except ValueError:
        return {}
    values["host"] = server.host
    filled_in = ["Server Address"]
    if server.port and "port" not in pinned:
        values["port"] = str(server.port)
        filled_in.append("Server Port")
    if server.tls_mode and not {"use_tls", "tls_mode"} & set(pinned):
        values |= {"use_tls": True, "tls_mode": server.tls_mode}
        filled_in.append("TLS")
    words = ", ".join(filled_in)
    return {"host": f"Filled in from what you typed: {words}. The login was not kept: type it."}


def _typed(each: Field, data: MultiDict[str, str], before: Value) -> Value:
    """A tick box that is off sends nothing; any other field that was not sent is as it was."""
    return each.name in data if each.kind == "switch" else data.get(each.name, before)


def _wants_login(data: MultiDict[str, str], opened: SettingsForm) -> bool:
    """Whether *Requires authentication* is on; where the switch was not sent, a name says so.

    A tick box that is off sends nothing, so a hidden field of the same name goes before it.
    """
    if "username" in opened.pinned:
        return bool(opened.values["username"])
    if sent := data.getlist("requires_login"):
        return sent[-1] == "1"
    if not {"username", "password"} & data.keys():
        return opened.requires_login
    return bool(data.get("username") or data.get("password"))


def _in_words(each: Field, value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return dict(each.choices).get(value, value) or "nothing"
