"""Causes on the way to the server: its name, its address, the connection."""

from __future__ import annotations

from ..errors import Stage
from . import fixes
from .rule import Facts, Rule, Sign

_RESOLVE = (Stage.RESOLVE,)
_CONNECT = (Stage.CONNECT,)
CHECK_PORT = (
    "Check the Server Port: 587 and 465 are for sites that log in, 25 is for servers of your own."
)
_ONLY_IPV6 = (
    r"^No connection: (\[[^]]+\]:\d+: "
    r"(no answer[^;]*?|network is unreachable|no route to host|cannot assign requested address)"
    r"(; |\.$))+$"
)


def _port_25(facts: Facts) -> bool:
    return facts.port == 25


RULES: tuple[Rule, ...] = (
    Rule(
        code="host-missing",
        signs=(Sign(_RESOLVE, says=r"^No server is named"),),
        field="host",
        title="No Server Address is set",
        why="Without the address of a mail server nothing can be sent.",
        steps=("Type the Server Address that your mail provider gives for SMTP.",),
        quotes=False,
    ),
    Rule(
        code="host-malformed",
        signs=(Sign(_RESOLVE, says=r"cannot be the name of a server"),),
        field="host",
        fix=fixes.clean_host,
        title="The Server Address is not a host name",
        why="A Server Address is a name such as smtp.example.com, or an IP address, and no more.",
        steps=(
            "Remove blanks, quotes and any part such as smtp:// from the Server Address.",
            "Put the port into Server Port.",
        ),
        quotes=False,
    ),
    Rule(
        code="host-not-allowed",
        signs=(Sign(says=r"list of allowed mail servers"),),
        field="host",
        title="This site may not send by {host} on port {port}",
        why="Its configuration names the mail servers that may be used, and this is none of them.",
        steps=(
            "Use one of the allowed servers.",
            "Or have whoever runs the site add this one to PLATO_EMAIL_ALLOWED_SERVERS.",
        ),
    ),
    Rule(
        code="address-never-used",
        signs=(Sign(says=r"address that mail is never sent to"),),
        field="host",
        title="{host} leads to an address that mail is never sent to",
        why="Such addresses belong to no mail server; some of them hand out a machine's secrets.",
        steps=(
            "Type the Server Address that your mail provider gives for SMTP.",
            "If it is right, have its entry in the DNS corrected.",
        ),
    ),
    Rule(
        code="name-lookup-slow",
        signs=(Sign(_RESOLVE, says=r"could not be looked up"),),
        field="host",
        title="{host} could not be looked up in time",
        why="The name service of this machine does not answer, so no name can be found.",
        steps=(
            "Try again in a minute.",
            "Check the name servers of this machine: /etc/resolv.conf, or those of its container.",
        ),
    ),
    Rule(
        code="name-lookup-failed",
        signs=(Sign(_RESOLVE, says=r"temporary failure"),),
        field="host",
        title="{host} could not be looked up",
        why="The name service of this machine is out of order, or cannot be reached from it.",
        steps=(
            "Try again in a minute.",
            "Check that this machine has a network and a name server that works.",
        ),
    ),
    Rule(
        code="host-without-address",
        signs=(Sign(_RESOLVE, says=r"no address associated"),),
        field="host",
        title="{host} has no address",
        why="The name exists, but no machine answers to it: often it is the domain of the mail "
        "addresses, and the mail server has a name of its own.",
        steps=("Type the name that your mail provider gives for SMTP, such as smtp.example.com.",),
    ),
    Rule(
        code="host-not-found",
        signs=(Sign(_RESOLVE),),
        field="host",
        title="{host} was not found",
        why="No address belongs to this name.",
        steps=(
            "Check the Server Address for a typing error.",
            "If the name is one of your own network, check that this machine can look it up.",
        ),
    ),
    Rule(
        code="connection-refused",
        signs=(Sign(_CONNECT, says=r"refused"),),
        field="port",
        title="Nothing answers at {host} on port {port}",
        why="The machine is there, but no mail server listens on this port.",
        steps=(
            CHECK_PORT,
            "Check the Server Address.",
            "If the server is your own, check that it is running and listens on this address.",
        ),
    ),
    Rule(
        code="connection-forbidden",
        signs=(Sign(_CONNECT, says=r"permission denied|operation not permitted"),),
        title="This machine does not let the site connect to {host}",
        why="The system itself refused, before anything went out.",
        steps=(
            "Look for a rule of a local firewall, of SELinux or of the container that forbids it.",
        ),
    ),
    Rule(
        code="ipv6-broken",
        signs=(Sign(_CONNECT, says=_ONLY_IPV6),),
        field="host",
        title="{host} has IPv6 addresses only, and IPv6 does not work from here",
        why="Every address of the server was tried. There was no IPv4 address among them.",
        steps=(
            "Use a server that has an IPv4 address as well.",
            "Or have IPv6 set up for this machine or its container.",
        ),
    ),
    Rule(
        code="port-25-blocked",
        signs=(Sign(_CONNECT, says=r"no answer in", when=_port_25),),
        field="port",
        fix=fixes.use_port(587),
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
        signs=(Sign(_CONNECT, says=r"no answer in"),),
        field="port",
        title="{host} does not answer on port {port}",
        why="Nothing came back at all, which is how a firewall looks from here.",
        steps=(
            CHECK_PORT,
            "Check that firewalls let this machine out on port {port}.",
            "Some providers offer port 2525 for networks that block the others.",
        ),
    ),
    Rule(
        code="network-unreachable",
        signs=(Sign(_CONNECT, says=r"unreachable|no route|cannot assign"),),
        field="host",
        title="There is no way from this machine to {host}",
        why="The network does not know where to send what is meant for this address.",
        steps=(
            "Check the Server Address.",
            "Check that this machine, or its container, has a network.",
        ),
    ),
    Rule(
        code="connection-failed",
        signs=(Sign(_CONNECT),),
        field="host",
        title="No connection to {host} on port {port}",
        why="It ended before the server could say anything.",
        steps=("Check the Server Address and the Server Port.",),
    ),
)
