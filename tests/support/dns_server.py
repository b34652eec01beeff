"""A DNS server on this machine: a zone in the usual notation, over UDP and TCP, and its moods."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
from threading import Event, Thread
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.zone

HOST = "127.0.0.1"
LONGEST_UDP = 512


class DnsServer:
    """Answers from ``zone`` with authority; every name that it does not hold does not exist.

    Args:
        zone: lines of a zone file with absolute names.
        servfail: names that are answered with SERVFAIL.
        silent: names that get no answer at all; "." is every name.
        port: where it is asked; 0 is any that is free.
    """

    def __init__(
        self,
        zone: str,
        *,
        servfail: tuple[str, ...] = (),
        silent: tuple[str, ...] = (),
        port: int = 0,
    ):
        self.port = port
        self.zone = dns.zone.from_text(
            f"$TTL 60\n{zone}", origin=".", relativize=False, check_origin=False
        )
        self.servfail = {dns.name.from_text(each) for each in servfail}
        self.silent = {dns.name.from_text(each) for each in silent}
        self.questions: list[tuple[str, str]] = []
        """Every question over UDP: name and type."""
        self.over_tcp: list[tuple[str, str]] = []
        """Every question that was asked again over TCP, for the first answer was cut off."""
        self._stopping = Event()

    def __enter__(self) -> Self:
        self._tcp = socket.create_server((HOST, self.port))
        self.port = int(self._tcp.getsockname()[1])
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((HOST, self.port))
        self._wake, self._woken = socket.socketpair()
        self._thread = Thread(target=self._serve, name="dns server")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._wake.send(b"!")
        self._thread.join(5)
        for each in (self._tcp, self._udp, self._wake, self._woken):
            each.close()

    @property
    def address(self) -> tuple[str, int]:
        """Where it is asked."""
        return HOST, self.port

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in (self._tcp, self._udp, self._woken):
                selector.register(each, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for key, _ in selector.select():
                    if key.fileobj is self._udp:
                        self._answer_datagram()
                    elif key.fileobj is self._tcp:
                        with contextlib.suppress(OSError):
                            self._answer_connection()

    def _answer_datagram(self) -> None:
        data, asker = self._udp.recvfrom(4096)
        reply = self._reply(data, self.questions)
        if reply is None:
            return
        wire = reply.to_wire()
        if len(wire) > LONGEST_UDP:
            cut = dns.message.make_response(dns.message.from_wire(data))
            cut.flags |= dns.flags.TC
            wire = cut.to_wire()
        self._udp.sendto(wire, asker)

    def _answer_connection(self) -> None:
        connected, _ = self._tcp.accept()
        with connected:
            connected.settimeout(5)
            (length,) = struct.unpack("!H", connected.recv(2))
            reply = self._reply(connected.recv(length), self.over_tcp)
            if reply is not None:
                wire = reply.to_wire()
                connected.sendall(struct.pack("!H", len(wire)) + wire)

    def _reply(self, data: bytes, log: list[tuple[str, str]]) -> dns.message.Message | None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        log.append((str(question.name).rstrip("."), dns.rdatatype.to_text(question.rdtype)))
        if self.silent & {question.name, dns.name.root}:
            return None
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA | dns.flags.RA
        if question.name in self.servfail:
            reply.set_rcode(dns.rcode.SERVFAIL)
        else:
            self._fill(reply, question.name, question.rdtype)
        return reply

    def _fill(
        self, reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> None:
        if not any(each.is_subdomain(name) for each in self.zone.nodes):
            reply.set_rcode(dns.rcode.NXDOMAIN)
            return
        for wanted in (kind, dns.rdatatype.CNAME):
            found = self.zone.get_rrset(name, wanted)
            if found is not None:
                reply.answer.append(found)
                if wanted != kind:
                    self._fill(reply, found[0].target, kind)
                return
