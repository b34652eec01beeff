"""Domains in every state that receivers meet, as a zone file."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SHORT_KEY = (
    "MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhAJHzVSJN/nT+B80iw84cIXJgOYAuCBMU7Cuq1SmGKtU3Jst0"
    "t2E4mybpupb5vqeiE95n71IISXLtnlSlvVyjPUfPobYjsAVtK14OZDCV9cUJ0V89QDpnlopjQwp1dcffpQIDAQAB"
)
"""An RSA key of 768 bits, which nobody makes any more."""


def key_record(bits: int) -> str:
    public = generate_private_key(65537, bits).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"
    return " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))


ZONE = f"""
_spf.google.com.                       TXT "v=spf1 ip4:192.0.2.0/24 ~all"
sendgrid.net.                          TXT "v=spf1 ip4:198.51.100.0/24 ~all"
relay.example.net.                     A 9.9.9.9
relay.example.net.                     AAAA 2620:fe::fe
far.example.net.                       A 8.8.4.4
inner.example.net.                     A 10.0.0.1

good.example.org.                      MX 10 aspmx.l.google.com.
good.example.org.                      TXT "v=spf1 include:_spf.google.com ~all"
google._domainkey.good.example.org.    TXT {key_record(2048)}
_dmarc.good.example.org.               TXT "v=DMARC1; p=reject; adkim=s; rua=mailto:d@example.org"

bare.example.org.                      MX 10 aspmx.l.google.com.
bare.example.org.                      TXT "something=else"

own.example.org.                       MX 5 relay.example.net.
own.example.org.                       TXT "v=spf1 a:relay.example.net -all"
_dmarc.own.example.org.                TXT "v=DMARC1; p=quarantine"
s2026._domainkey.own.example.org.      TXT {key_record(1024)}
old._domainkey.own.example.org.        TXT "v=DKIM1; p="
cut._domainkey.own.example.org.        TXT "v=DKIM1; p=MIIBIjANBgkqhkiG9w0BAQEFAAOC"
trial._domainkey.own.example.org.      TXT {key_record(1024).replace("k=rsa", "t=y")}

strict.example.org.                    MX 5 in.example.net.
strict.example.org.                    TXT "v=spf1 include:_spf.google.com -all"
_dmarc.strict.example.org.             TXT "v=DMARC1; p=reject"

two.example.org.                       MX 5 in.example.net.
two.example.org.                       TXT "v=spf1 include:_spf.google.com -all"
two.example.org.                       TXT "v=spf1 mx ~all"
_dmarc.two.example.org.                TXT "v=DMARC1; p=none"
_dmarc.two.example.org.                TXT "v=DMARC1; p=reject"

open.example.org.                      TXT "v=spf1 +all"
open.example.org.                      A 192.0.2.1
_dmarc.open.example.org.               TXT "v=DMARC1; p=sometimes"

null.example.org.                      MX 0 .
null.example.org.                      TXT "v=spf1 include:gone.example.org -all"
_dmarc.null.example.org.               TXT "v=DMARC1; p=reject; t=y"

macro.example.org.                     MX 5 in.example.net.
macro.example.org.                     TXT "v=spf1 include:%{{i}}._spf.example.net -all"
_dmarc.macro.example.org.              TXT "v=DMARC1; rua=mailto:d@example.org"

dead.example.org.                      TXT "v=spf1 exists:%{{i}}.example.net a -all"
_dmarc.dead.example.org.               TXT "v=DMARC1; adkim=s"
short._domainkey.dead.example.org.     TXT "v=DKIM1; p={SHORT_KEY}"

one.bank.                              MX 5 in.example.net.
news.two.bank.                         MX 5 in.example.net.
_dmarc.two.bank.                       TXT "v=DMARC1; p=quarantine"
_dmarc.bank.                           TXT "v=DMARC1; p=reject; psd=y"

unwell.example.org.                    MX 5 in.example.net.
half.example.org.                      MX 5 in.example.net.
half.example.org.                      TXT "v=spf1 include:unwell.example.org -all"

long.example.org.                      MX 5 in.example.net.
long.example.org.                      TXT "{"x" * 250}" "{"y" * 250}" "{"z" * 250}"
long.example.org.                      TXT "v=spf1 include:_spf.google.com ~all"

voids.example.org.                     MX 5 in.example.net.
voids.example.org.                     TXT "v=spf1 a:n1.test a:n2.test a:n3.test ~all"

corp.example.                          MX 5 in.example.net.
a.b.corp.example.com.                  MX 5 in.example.net.
_dmarc.corp.example.com.               TXT "v=DMARC1; p=reject; sp=quarantine"
"""
UNWELL = ("unwell.example.org", "_dmarc.unwell.example.org", "google._domainkey.unwell.example.org")
