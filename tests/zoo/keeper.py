"""How an animal is kept, and how a test mail meets it."""

from __future__ import annotations

import atexit
import functools
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from plato_email.errors import DeliveryError
from plato_email.settings import Settings
from plato_email.smtp import Security, Server
from plato_email.trial import Kind, run_trial
from tests.support.certificates import Authority
from tests.support.names import leads_to
from tests.support.scripted_server import HOST, Act, Reply, ScriptedServer, start_tls

SENDER, RECIPIENT = "Site <site@example.com>", "ann@example.com"
USERNAME, PASSWORD = "site@example.com", "tiger lilies"


@functools.cache
def authority() -> Authority:
    """One authority for the whole zoo."""
    folder = tempfile.mkdtemp(prefix="plato-zoo-")
    atexit.register(shutil.rmtree, folder)
    return Authority(Path(folder))


def upgrade(certificate: str) -> Act:
    """Accept STARTTLS and go on with the context of `Authority` that is so named."""
    return lambda conversation: start_tls(getattr(authority(), certificate))(conversation)


@dataclass(frozen=True)
class Animal:
    """A broken or odd server, with the settings that a test mail meets it with."""

    code: str
    """The diagnosis that it must reach."""
    script: Mapping[str, Reply | Sequence[Reply]] = field(default_factory=dict)
    offers: tuple[str, ...] = ()
    variant: str = ""
    """What tells it from another animal that reaches the same diagnosis on purpose."""
    security: Security = Security.NONE
    certificate: str = ""
    """The context of `Authority` with which it speaks TLS from the first byte."""
    username: str = ""
    password: str = ""
    known_as: str = ""
    """The Server Address in the settings, where it stands for a provider."""
    seems: int = 0
    """The Server Port in the settings, where it is a port that only root may open."""
    address: str = HOST
    """Where it really is."""
    sender: str = SENDER
    recipient: str = RECIPIENT
    ca_file: str = ""
    ehlo_name: str | None = None
    allowed: tuple[str, ...] = ()
    waits: float = 0.0
    """Seconds after which the test gives up; 0 where there is something to be seen at once."""
    cage: Callable[[Animal], AbstractContextManager[int]] | None = None
    """What keeps it and gives its port, where that is no `ScriptedServer`."""

    @property
    def name(self) -> str:
        """Its name in the table."""
        return f"{self.code}, {self.variant}" if self.variant else self.code


@dataclass(frozen=True)
class Meeting:
    """What came of a test mail."""

    animal: Animal
    code: str
    title: str
    why: str
    outcome: str
    seconds: float
    error: DeliveryError | None


PATIENCE = 10.0
"""Seconds that a test mail may take where the fault can be seen at once."""


def meet(animal: Animal, kind: Kind = Kind.SEND) -> Meeting:
    """Send it a test mail, or ask whether it would take one."""
    with ExitStack() as stack:
        port = stack.enter_context((animal.cage or scripted)(animal))
        host = animal.known_as or (f"p{port}.example.com" if animal.seems else animal.address)
        if host != animal.address:
            stack.enter_context(leads_to(host, animal.seems or port, port, animal.address))
        server = Server(
            host=host,
            port=animal.seems or port,
            security=animal.security,
            username=animal.username,
            password=animal.password,
            ca_file=animal.ca_file or authority().ca_file,
            ehlo_name=animal.ehlo_name,
            allowed=animal.allowed,
        )
        report = run_trial(
            _settings(animal, server),
            server,
            animal.recipient,
            kind=kind,
            deadline=animal.waits or PATIENCE,
        )
    found = report.diagnosis
    return Meeting(
        animal=animal,
        code=found.code if found else report.outcome,
        title=found.title if found else "",
        why=found.why if found else "",
        outcome=report.outcome,
        seconds=report.seconds,
        error=report.error,
    )


def _settings(animal: Animal, server: Server) -> Settings:
    return Settings(
        default_sender=animal.sender,
        host=server.host,
        port=server.port,
        username=server.username,
        password=server.password,
        use_tls=server.security is not Security.NONE,
        tls_mode="automatic" if server.security is Security.NONE else server.security.value,
    )


@contextmanager
def scripted(animal: Animal) -> Iterator[int]:
    """A server that does what the animal's script says."""
    context = getattr(authority(), animal.certificate) if animal.certificate else None
    with ScriptedServer(animal.script, offers=animal.offers, tls=context) as server:
        yield server.port


@contextmanager
def nowhere(_: Animal) -> Iterator[int]:
    """No server at all: the test must end before it needs one."""
    yield 9


@contextmanager
def closed(_: object = None) -> Iterator[int]:
    """A port that is held, and that nobody listens on."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        yield held.getsockname()[1]


@contextmanager
def full(_: object = None) -> Iterator[int]:
    """A port whose queue is full: the system lets every further SYN go unanswered."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind((HOST, 0))
        listener.listen(0)
        for _each in range(3):
            guest = waiting.enter_context(socket.socket())
            guest.setblocking(False)
            guest.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
