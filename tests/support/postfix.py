"""A real Postfix of a test's own: private configuration and queue, listening on 127.0.0.1 only."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from .databases import missing

HOST = "127.0.0.1"
SBIN = "/usr/sbin:/usr/local/sbin:/usr/libexec/postfix"
PATH = f"{os.environ.get('PATH', '')}:{SBIN}"
DOMAIN = "example.com"
"""Postfix takes mail for this domain from anybody; for others only after a login."""
REFUSED = "nobody@example.com"
SMALL = 20_000
"""Bytes of the largest mail that the service ``small`` takes."""
SERVICES = ("plain", "starttls", "tls", "othername", "submission", "small", "unpipelined", "strict")

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {sbin}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.example.test
mydestination =
mynetworks =
local_recipient_maps =
local_header_rewrite_clients =
relay_domains = {domain}
relayhost = [127.0.0.1]:{sink}
relay_transport = relay
default_transport = relay
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions =
    check_recipient_access inline:{{ {{{refused} = 550 5.1.1 No such person here}} }}
smtpd_data_restrictions = reject_unauth_pipelining
smtpd_tls_cert_file = {folder}/good.pem
smtpd_tls_key_file = {folder}/good.pem
smtpd_tls_loglevel = 1
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = {domain}
cyrus_sasl_config_path = {folder}/etc/sasl
smtp_tls_security_level = none
smtputf8_enable = yes
anvil_status_update_time = 3600s
"""
OPTIONS: Mapping[str, Sequence[str]] = {
    "plain": (),
    "starttls": ("smtpd_tls_security_level=encrypt",),
    "tls": ("smtpd_tls_wrappermode=yes", "smtpd_tls_security_level=encrypt"),
    "othername": (
        "smtpd_tls_security_level=encrypt",
        "smtpd_tls_cert_file={folder}/other.pem",
        "smtpd_tls_key_file={folder}/other.pem",
    ),
    "submission": (
        "smtpd_tls_security_level=encrypt",
        "smtpd_tls_auth_only=yes",
        "smtpd_sasl_auth_enable=yes",
        "smtpd_relay_restrictions=permit_sasl_authenticated,reject",
    ),
    "small": (f"message_size_limit={SMALL}",),
    "strict": (
        "smtpd_tls_security_level=may",
        "smtpd_sasl_auth_enable=yes",
        "smtpd_helo_restrictions=reject_non_fqdn_helo_hostname",
        "smtpd_sender_login_maps=inline:{{else@example.com=else,site@example.com=site@example.com}}",
        "smtpd_sender_restrictions=reject_sender_login_mismatch",
    ),
    "unpipelined": ("smtpd_discard_ehlo_keywords=pipelining",),
}
INTERNAL = """\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass
class Postfix:
    """A running Postfix that hands what it takes to an SMTP server on this machine.

    Args:
        sink: the port of that server.
        good: a certificate with its key (PEM) for localhost and 127.0.0.1.
        other: one for other names.
        users: passwords by user name.
    """

    sink: int
    good: bytes
    other: bytes
    users: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        _require("postfix", "saslpasswd2")
        # Its processes give up root, so they must not need to pass a folder of root's.
        self._folder = Path(tempfile.mkdtemp(prefix="plato-postfix-", dir="/tmp"))
        self._folder.chmod(0o755)
        self._forgotten = 0
        self.ports = dict(zip(SERVICES, _free_ports(len(SERVICES)), strict=True))
        self._configure()
        self._process = subprocess.Popen(
            [_found("postfix"), "-c", str(self._folder / "etc"), "start-fg"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PATH": PATH},
        )
        try:
            for port in self.ports.values():
                wait_for_port(port)
        except TimeoutError:
            log = self.log()
            self.__exit__()
            raise RuntimeError(f"Postfix did not start:\n{log}") from None
        return self

    def __exit__(self, *_: object) -> None:
        # ``start-fg`` only waits for the master, whose end is that of all the others.
        noted = self._folder / "queue" / "pid" / "master.pid"
        os.kill(int(noted.read_text()) if noted.exists() else self._process.pid, signal.SIGTERM)
        self._process.wait(20)
        shutil.rmtree(self._folder)

    def log(self) -> str:
        """What Postfix has logged since `forget`."""
        path = self._folder / "log" / "mail.log"
        return path.read_text()[self._forgotten :] if path.exists() else ""

    def forget(self) -> None:
        """Begin the log anew, for the next test."""
        self._forgotten += len(self.log())

    def sessions(self, service: str, count: int = 1, timeout: float = 10.0) -> list[dict[str, str]]:
        """Wait for the ends of ``count`` sessions; return the commands of each, counted.

        A count like ``0/1`` says that the one command failed.
        """
        until = time.monotonic() + timeout
        pattern = rf"postfix/{service}/smtpd\[\d+\]: disconnect from \S+ (ehlo.*)"
        while len(found := re.findall(pattern, self.log())) < count:
            if time.monotonic() > until:
                raise TimeoutError(f"{len(found)} of {count} sessions ended:\n{self.log()}")
            time.sleep(0.02)
        return [dict(word.split("=") for word in each.split()) for each in found]

    def _configure(self) -> None:
        for name in ("etc", "etc/sasl", "queue", "data", "log"):
            (self._folder / name).mkdir()
        shutil.chown(self._folder / "data", "postfix")
        values = {"folder": self._folder, "sink": self.sink, "sbin": Path(_found("postfix")).parent}
        main = MAIN.format(**values, domain=DOMAIN, refused=REFUSED)
        (self._folder / "etc" / "main.cf").write_text(main)
        (self._folder / "etc" / "master.cf").write_text("".join(self._services()) + INTERNAL)
        for name, pem in (("good", self.good), ("other", self.other)):
            (self._folder / f"{name}.pem").write_bytes(pem)
            (self._folder / f"{name}.pem").chmod(0o600)
        self._add_users()

    def _services(self) -> Iterator[str]:
        for name, port in self.ports.items():
            options = (f"syslog_name=postfix/{name}", *OPTIONS[name])
            shown = "".join(f" -o {each.format(folder=self._folder)}" for each in options)
            yield f"{HOST}:{port} inet n - n - - smtpd{shown}\n"

    def _add_users(self) -> None:
        database = self._folder / "etc" / "sasl" / "users"
        (self._folder / "etc" / "sasl" / "smtpd.conf").write_text(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n"
            f"sasldb_path: {database}\n"
        )
        for user, password in self.users.items():
            command = [_found("saslpasswd2"), "-c", "-p", "-f", str(database), "-u", DOMAIN, user]
            subprocess.run(command, input=password.encode(), check=True)
        if database.exists():
            shutil.chown(database, "postfix")


@dataclass
class SmtpSink:
    """Postfix's smtp-sink, which fails at the commands that it is told to.

    Args:
        port: where it listens.
        flags: ``-r`` refuse for now, ``-f`` for good, ``-q`` hang up, ``-Q`` hang up with a 421;
            each with the commands it is for.
    """

    port: int
    flags: Sequence[str] = ()

    def __enter__(self) -> Self:
        _require("smtp-sink")
        self._folder = Path(tempfile.mkdtemp(prefix="plato-sink-", dir="/tmp"))
        self._folder.chmod(0o777)
        command = [_found("smtp-sink"), "-u", "nobody", "-D", f"{self._folder}/mails", *self.flags]
        self._process = subprocess.Popen([*command, f"{HOST}:{self.port}", "100"])
        wait_for_port(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self._folder)

    def message_ids(self) -> list[str]:
        """The Message-ID of every mail that came whole, whatever was then answered."""
        path = self._folder / "mails"
        text = path.read_text() if path.exists() else ""
        return re.findall(r"^Message-ID: (\S+)$", text, re.MULTILINE)


def free_port() -> int:
    """A port that nothing listens on."""
    return _free_ports(1)[0]


def wait_for_port(port: int, timeout: float = 10.0) -> None:
    """Wait until something listens on ``port``.

    Raises:
        TimeoutError: nothing does.
    """
    until = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection((HOST, port), 1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise TimeoutError(f"nothing listens on port {port}") from None
            time.sleep(0.02)


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _found(program: str) -> str:
    path = shutil.which(program, path=PATH)
    assert path is not None
    return path


def _require(*programs: str) -> None:
    """Skip, or fail in CI, where Postfix cannot run."""
    for program in programs:
        if shutil.which(program, path=PATH) is None:
            missing(f"no {program}; on Debian: apt-get install postfix sasl2-bin libsasl2-modules")
    if os.geteuid() != 0:
        missing("Postfix must be started by root")
