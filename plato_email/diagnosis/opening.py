"""Causes that keep a session from being opened: name, address, greeting, EHLO."""

from __future__ import annotations

from ..errors import Stage
from ..smtp import Security
from .rule import Facts, Rule

_REACH = (Stage.RESOLVE, Stage.CONNECT)
_CHECK_PORT = (
    "Check the Server Port: 587 and 465 are for sites that log in, 25 is for servers of your own."
)


def _plain_to_tls_port(facts: Facts) -> bool:
    return facts.port == 465 and facts.security is not Security.TLS


def _begins_plain(facts: Facts) -> bool:
    return facts.security is not Security.TLS


def _blocked_port(facts: Facts) -> bool:
    return facts.port == 25


RULES: tuple[Rule, ...] = (
    Rule(
        code="host-missing",
        stages=(Stage.RESOLVE,),
        says=r"^No server is named",
        field="host",
        title="No Server Address is set",
        why="Without the address of a mail server nothing can be sent.",
        steps=("Type the Server Address that your mail provider gives for SMTP.",),
    ),
    Rule(
        code="host-malformed",
        stages=(Stage.RESOLVE,),
        says=r"cannot be the name of a server",
        field="host",
        title="The Server Address is not a host name",
        why="A Server Address is a name such as smtp.example.com, or an IP address, and no more.",
        steps=(
            "Remove blanks, quotes and any part such as smtp:// from the Server Address.",
            "Put the port into Server Port.",
        ),
    ),
    Rule(
        code="name-lookup-slow",
        stages=(Stage.RESOLVE,),
        says=r"could not be looked up",
        field="host",
        title="The name {host} could not be looked up in time",
        why="The name service of this machine does not answer, so no name can be found.",
        steps=(
            "Try again in a minute.",
            "Check the name servers of this machine: /etc/resolv.conf, or those of its container.",
        ),
    ),
    Rule(
        code="name-lookup-failed",
        stages=(Stage.RESOLVE,),
        says=r"temporary failure",
        field="host",
        title="The name {host} could not be looked up",
        why="The name service of this machine is out of order, or cannot be reached from it.",
        steps=(
            "Try again in a minute.",
            "Check that this machine has a network and a name server that works.",
        ),
    ),
    Rule(
        code="host-not-found",
        stages=(Stage.RESOLVE,),
        field="host",
        title="The server {host} does not exist",
        why="No address belongs to this name. {reply}",
        steps=(
            "Check the Server Address for a typing error.",
            "If the name is one of your own network, check that this machine can look it up.",
        ),
    ),
    Rule(
        code="connection-refused",
        stages=(Stage.CONNECT,),
        says=r"refused",
        field="port",
        title="Nothing answers at {host} on port {port}",
        why="The machine is there, but no mail server listens on this port. {reply}",
        steps=(
            _CHECK_PORT,
            "Check the Server Address.",
            "If the server is your own, check that it is running and listens on this address.",
        ),
    ),
    Rule(
        code="port-25-blocked",
        stages=(Stage.CONNECT,),
        says=r"no answer in",
        when=_blocked_port,
        field="port",
        title="{host} does not answer on port 25",
        why="Most hosting providers block port 25 to keep spam from leaving their networks.",
        steps=(
            "Enable TLS / SSL and use port 587, or 465.",
            "Check the Server Address.",
            "Ask the provider of this machine whether port 25 can be opened.",
        ),
    ),
    Rule(
        code="connection-timed-out",
        stages=(Stage.CONNECT,),
        says=r"no answer in",
        field="port",
        title="{host} does not answer on port {port}",
        why="Nothing came back at all, which is how a firewall looks from here. {reply}",
        steps=(
            _CHECK_PORT,
            "Check that firewalls let this machine out on port {port}.",
            "Some providers offer port 2525 for networks that block the others.",
        ),
    ),
    Rule(
        code="network-unreachable",
        stages=(Stage.CONNECT,),
        says=r"unreachable|no route",
        field="host",
        title="There is no way from this machine to {host}",
        why="The network of this machine leads to none of the server's addresses. {reply}",
        steps=(
            "Check that this machine, or its container, has a network.",
            "If only IPv6 addresses are named above, check that this machine has IPv6.",
        ),
    ),
    Rule(
        code="connection-failed",
        stages=_REACH,
        field="host",
        title="No connection to {host} on port {port}",
        why="{reply}",
        steps=("Check the Server Address and the Server Port.",),
    ),
    Rule(
        code="tls-expected",
        stages=(Stage.GREETING,),
        codes=(None,),
        when=_plain_to_tls_port,
        field="tls_mode",
        title="Port 465 expects TLS from the first byte",
        why="The server waits for TLS while we wait for its greeting, and so neither speaks.",
        steps=("Enable TLS / SSL, and let TLS begin automatically or at once.",),
    ),
    Rule(
        code="greeting-silent",
        stages=(Stage.GREETING,),
        says=r"no answer in time",
        when=_begins_plain,
        field="tls_mode",
        title="{host} is connected, but does not greet",
        why="So does a server that expects TLS from the first byte, and now and then a firewall.",
        steps=(
            "Try Enable TLS / SSL with TLS beginning at once.",
            _CHECK_PORT,
            "Check whether a firewall or virus scanner stands between.",
        ),
    ),
    Rule(
        code="not-smtp",
        stages=(Stage.GREETING,),
        says=r"this is not an smtp reply",
        field="port",
        title="What answers on port {port} is not a mail server",
        why="It said something that no mail server says. {reply}",
        steps=("Check the Server Port.", "Check the Server Address."),
    ),
    Rule(
        code="greeting-busy",
        stages=(Stage.GREETING,),
        codes=(421, 450, 451, 452),
        title="{host} is too busy for another connection",
        why="It asks to come back later: {reply}",
        steps=(
            "Wait some minutes. Mail in the queue goes out by itself when the server is ready.",
        ),
    ),
    Rule(
        code="greeting-refused",
        stages=(Stage.GREETING,),
        codes=(550, 554, 521, 556),
        title="{host} does not talk to this machine",
        why="It turned the connection away at once: {reply}",
        steps=(
            "Use port 587 or 465 and a login: port 25 is closed to many networks.",
            "Ask the server's operator whether the address of this machine is blocked.",
        ),
    ),
    Rule(
        code="greeting-lost",
        stages=(Stage.GREETING,),
        field="port",
        title="{host} hung up instead of greeting",
        why="{reply}",
        steps=(_CHECK_PORT, "Ask the server's operator whether this machine is let in."),
    ),
    Rule(
        code="own-name-malformed",
        stages=(Stage.EHLO,),
        says=r"cannot be the name of this machine",
        title="The name that this machine gives itself is not a name",
        why="{reply}",
        steps=("Correct PLATO_EMAIL_EHLO_NAME: a host name such as www.example.com.",),
    ),
    Rule(
        code="own-name-refused",
        says=r"\b(helo|ehlo)\b.*(reject|invalid|need|not found)|fully.qualified host",
        title="{host} does not accept the name of this machine",
        why="Mail servers introduce themselves by name, and this one is refused: {reply}",
        steps=("Set PLATO_EMAIL_EHLO_NAME to the public host name of this site.",),
    ),
    Rule(
        code="introduction-failed",
        stages=(Stage.EHLO,),
        title="{host} broke off at the introduction",
        why="It answered our EHLO so: {reply}",
        steps=(
            "Set PLATO_EMAIL_EHLO_NAME to the public host name of this site.",
            "Ask the server's operator whether the address of this machine is blocked.",
        ),
    ),
)
