"""Causes on the way to the server: its name, its address, the connection."""

from __future__ import annotations

from ..errors import Cause
from . import fixes
from .rule import Rule

CHECK_PORT = (
    "Check the Server Port: 587 and 465 are for sites that log in, 25 is for servers of your own."
)
_NO_SUCH_NAME = (
    Cause.HOST_NOT_FOUND,
    Cause.HOST_WITHOUT_ADDRESS,
    Cause.NAME_LOOKUP_FAILED,
)

RULES: tuple[Rule, ...] = (
    Rule(
        cause=Cause.HOST_MISSING,
        field="host",
        title="No Server Address is set",
        why="Without the address of a mail server nothing can be sent.",
        steps=("Type the Server Address that your mail provider gives for SMTP.",),
        quotes=False,
    ),
    Rule(
        cause=Cause.HOST_MALFORMED,
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
        cause=Cause.HOST_NOT_ALLOWED,
        field="host",
        title="This site may not send by {host} on port {port}",
        why="Its configuration names the mail servers that may be used, and this is none of them.",
        steps=(
            "Use one of the allowed servers.",
            "Or have whoever runs the site add this one to PLATO_EMAIL_ALLOWED_SERVERS.",
        ),
    ),
    Rule(
        cause=Cause.ADDRESS_NEVER_USED,
        field="host",
        title="{host} leads to an address that mail is never sent to",
        why="Such addresses belong to no mail server; some of them hand out a machine's secrets.",
        steps=(
            "Type the Server Address that your mail provider gives for SMTP.",
            "If it is right, have its entry in the DNS corrected.",
        ),
    ),
    Rule(
        cause=Cause.NAME_LOOKUP_SLOW,
        field="host",
        title="{host} could not be looked up in time",
        why="The name service of this machine does not answer, so no name can be found.",
        steps=(
            "Try again in a minute.",
            "Check the name servers of this machine: /etc/resolv.conf, or those of its container.",
        ),
    ),
    *(
        Rule(
            cause=cause,
            when=lambda case: case.is_container_host,
            field="host",
            title="{host} is not known inside this container",
            why="On Linux, Docker adds this name only where it is asked to.",
            steps=(
                "Start the container with --add-host=host.docker.internal:host-gateway, or put "
                '"host.docker.internal:host-gateway" under extra_hosts in the Compose file.',
                "Or type the address of Docker's bridge as Server Address, often 172.17.0.1.",
            ),
        )
        for cause in _NO_SUCH_NAME
    ),
    *(
        Rule(
            cause=cause,
            when=lambda case: case.is_service_name,
            field="host",
            title="{host} is not known inside this container",
            why="The name of a service is known only on the networks that the service is on.",
            steps=(
                "Check the name of the service in the Compose file, and that it is running.",
                "Put this container and the mail server on the same network.",
            ),
        )
        for cause in _NO_SUCH_NAME
    ),
    Rule(
        cause=Cause.NAME_LOOKUP_FAILED,
        field="host",
        title="{host} could not be looked up",
        why="The name service of this machine is out of order, or cannot be reached from it.",
        steps=(
            "Try again in a minute.",
            "Check that this machine has a network and a name server that works.",
        ),
    ),
    Rule(
        cause=Cause.HOST_WITHOUT_ADDRESS,
        field="host",
        title="{host} has no address",
        why="The name exists, but no machine answers to it: often it is the domain of the mail "
        "addresses, and the mail server has a name of its own.",
        steps=("Type the name that your mail provider gives for SMTP, such as smtp.example.com.",),
    ),
    Rule(
        cause=Cause.HOST_NOT_FOUND,
        field="host",
        title="{host} was not found",
        why="No address belongs to this name.",
        steps=(
            "Check the Server Address for a typing error.",
            "If the name is one of your own network, check that this machine can look it up.",
        ),
    ),
    *(
        Rule(
            cause=cause,
            when=lambda case: case.on_this_machine and case.facts.in_container,
            field="host",
            title="Nothing answers at {host} on port {port} inside this container",
            why="In a container, {host} is the container itself, not the machine that runs it.",
            steps=(
                "Type the name of the mail server's service as Server Address, such as mailpit in "
                "a Compose file.",
                "If the mail server runs on the machine that runs the container, type "
                "host.docker.internal (Docker) or host.containers.internal (Podman).",
                CHECK_PORT,
            ),
        )
        for cause in (
            Cause.CONNECTION_REFUSED,
            Cause.CONNECTION_TIMED_OUT,
            Cause.NETWORK_UNREACHABLE,
        )
    ),
    *(
        Rule(
            cause=cause,
            when=lambda case: case.is_container_host,
            field="port",
            title="Nothing answers on port {port} of the machine that runs this container",
            why="The mail server may listen on 127.0.0.1 only, which containers cannot reach, or "
            "a firewall keeps the container out.",
            steps=(
                "Let the mail server listen on the address of Docker's bridge too, often "
                "172.17.0.1.",
                "Let the firewall of that machine accept connections from the container's network.",
                CHECK_PORT,
            ),
        )
        for cause in (Cause.CONNECTION_REFUSED, Cause.CONNECTION_TIMED_OUT)
    ),
    Rule(
        cause=Cause.CONNECTION_REFUSED,
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
        cause=Cause.CONNECTION_FORBIDDEN,
        title="This machine does not let the site connect to {host}",
        why="The system itself refused, before anything went out.",
        steps=(
            "Look for a rule of a local firewall, of SELinux or of the container that forbids it.",
        ),
    ),
    Rule(
        cause=Cause.IPV6_BROKEN,
        field="host",
        title="{host} has IPv6 addresses only, and IPv6 does not work from here",
        why="Every address of the server was tried. There was no IPv4 address among them.",
        steps=(
            "Use a server that has an IPv4 address as well.",
            "Or have IPv6 set up for this machine or its container.",
        ),
    ),
    Rule(
        cause=Cause.PORT_25_BLOCKED,
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
        cause=Cause.CONNECTION_TIMED_OUT,
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
        cause=Cause.NETWORK_UNREACHABLE,
        field="host",
        title="There is no way from this machine to {host}",
        why="The network does not know where to send what is meant for this address.",
        steps=(
            "Check the Server Address.",
            "Check that this machine, or its container, has a network.",
        ),
    ),
    Rule(
        cause=Cause.CONNECTION_FAILED,
        field="host",
        title="No connection to {host} on port {port}",
        why="It ended before the server could say anything.",
        steps=("Check the Server Address and the Server Port.",),
    ),
)
