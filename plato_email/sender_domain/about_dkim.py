"""Whether a domain publishes the key that its mail is signed with, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dkim import WEAKEST_BITS, read_key
from .findings import Finding, Relay, Verdict, listed, sentence
from .lookup import LookupFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .lookup import Lookup

SETTING = "PLATO_EMAIL_DKIM_SELECTOR"


def about_dkim(lookup: Lookup, domain: str, relay: Relay, named: Sequence[str]) -> Finding:
    """Judge the keys of ``domain`` under the ``named`` selectors, or the provider's usual ones."""
    selectors = tuple(named) or (relay.provider.selectors if relay.provider else ())
    if not selectors:
        words = (
            "DNS can only be asked with the selector that your server signs with. It stands after "
            f"s= in the DKIM-Signature header of a mail that arrived; name it in {SETTING}."
        )
        return Finding("DKIM", "unknown", "The DKIM selector is not known", words)
    found: list[Finding] = []
    failures: list[str] = []
    for selector in selectors:
        try:
            texts = lookup.texts(f"{selector}._domainkey.{domain}").records
        except LookupFailed as failed:
            failures.append(str(failed))
            continue
        found += [_about_key(selector, text) for text in texts]
    if found:
        order = ("good", "warn", "bad")
        return min(found, key=lambda each: order.index(each.verdict))
    if failures:
        words = sentence(failures[0])
        return Finding("DKIM", "unknown", "DKIM could not be looked up", words)
    return _missing(domain, relay, selectors, is_certain=bool(named))


def _about_key(selector: str, text: str) -> Finding:
    try:
        key = read_key(text)
    except ValueError as error:
        title = f"The DKIM key under {selector} cannot be used: {error}"
        words = "Copy the record once more from where it was made."
        return Finding("DKIM", "bad", title, words, (text,))
    if key.revoked:
        title = f"The DKIM key under {selector} was withdrawn"
        words = "Its p= is empty: receivers take no signature with it. Publish the current key."
        return Finding("DKIM", "bad", title, words, (text,))
    if key.kind == "rsa" and key.bits < WEAKEST_BITS:
        title = f"The DKIM key under {selector} is too short: {key}"
        words = f"Receivers take none below {WEAKEST_BITS} bits (RFC 8301). Make one of 2,048."
        return Finding("DKIM", "bad", title, words, (text,))
    words = "That mail is signed with it, only a mail that arrived can show."
    if key.testing:
        words = f"It says t=y: receivers treat signed mail as if it were not signed. {words}"
    verdict: Verdict = "warn" if key.testing else "good"
    return Finding("DKIM", verdict, f"A DKIM key is under {selector} ({key})", words, (text,))


def _missing(domain: str, relay: Relay, selectors: tuple[str, ...], *, is_certain: bool) -> Finding:
    names = listed(selectors, "or")
    if is_certain:
        words = f"Publish the key at {selectors[0]}._domainkey.{domain}, as your mail server shows."
        return Finding("DKIM", "bad", f"No DKIM key under {names}", words)
    provider = relay.provider.short_name if relay.provider else "the provider"
    words = (
        f"Switch signing for {domain} on at {provider} and publish the record that it shows; or, "
        f"if it is under another selector, name that in {SETTING}."
    )
    title = f"No DKIM key under the usual selectors of {provider}: {names}"
    return Finding("DKIM", "unknown", title, words)
