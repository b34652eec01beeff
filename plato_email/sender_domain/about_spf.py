"""What a domain's SPF record means for mail through one server, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .findings import Finding, Publish, Relay, Verdict, listed, sentence
from .lookup import LookupFailed
from .spf import Evaluation, evaluate, merged, select, with_terms

if TYPE_CHECKING:
    from ..providers import Provider
    from .lookup import Lookup

_STRANGERS = {
    "fail": "asks receivers to refuse mail from any other server",
    "softfail": "makes receivers suspicious of mail from any other server",
    "neutral": "says nothing about other servers",
}


def about_spf(
    lookup: Lookup, domain: str, relay: Relay, mailboxes: Provider | None = None
) -> Finding:
    """Judge the SPF record of ``domain``; ``mailboxes`` is whose servers receive its mail."""
    try:
        # Sorted: DNS gives them in another order each time.
        records = tuple(sorted(select(lookup.texts(domain).records)))
    except LookupFailed as failed:
        return Finding("SPF", "unknown", "SPF could not be looked up", sentence(failed))
    if not records:
        return _none(domain, relay, mailboxes)
    if len(records) > 1:
        words = "Receivers then use none of them. Put what they allow into one."
        publish = Publish(domain, merged(records), replaces=True)
        title = f"{domain} has {len(records)} SPF records, and may have one"
        return Finding("SPF", "bad", title, words, records, publish)
    return _one(lookup, domain, relay, records[0])


def _none(domain: str, relay: Relay, mailboxes: Provider | None) -> Finding:
    provider = relay.provider
    if provider is not None and provider.own_return_path:
        title = f"No SPF record, and {provider.short_name} needs none"
        return Finding("SPF", "info", title, _bounces(provider))
    ours = [f"include:{provider.spf[0]}"] if provider and provider.spf else _addresses(relay)
    words = f"Receivers cannot tell which servers may send mail from {domain}."
    if not ours:
        who = provider.short_name if provider else "Whoever runs your mail server"
        return Finding("SPF", "warn", "No SPF record", f"{words} {who} knows what to publish.")
    if provider is None:
        words += " The record below holds if mail leaves from the server that you hand it to."
    # People of the domain write with their mailboxes: a first record must not shut those out.
    theirs = [f"include:{mailboxes.spf[0]}"] if mailboxes and mailboxes.spf else []
    value = " ".join(["v=spf1", *dict.fromkeys([*theirs, *ours]), "~all"])
    return Finding("SPF", "warn", "No SPF record", words, (), Publish(domain, value))


def _one(lookup: Lookup, domain: str, relay: Relay, record: str) -> Finding:
    """Go through the whole record as for a stranger, then see to our server."""
    strangers = evaluate(lookup, domain, None)
    if strangers.result == "permerror":
        title = f"The SPF record cannot be used: {strangers.reason}"
        words = "Receivers treat it as a permanent error, whichever server mail comes from."
        return Finding("SPF", "bad", title, words, (record,))
    if strangers.result == "temperror":
        words = f"A part of the record could not be looked up: {strangers.reason}."
        return Finding("SPF", "unknown", "SPF could not be evaluated", words, (record,))
    if strangers.result == "pass":
        words = "It ends in +all or the like, so it protects nobody. Let it end in ~all or -all."
        return Finding("SPF", "bad", "SPF allows every server there is", words, (record,))
    if relay.provider is not None and (relay.provider.spf or relay.provider.own_return_path):
        return _of_provider(domain, relay.provider, record, strangers)
    return _of_addresses(lookup, domain, relay, record, strangers)


def _of_provider(domain: str, provider: Provider, record: str, strangers: Evaluation) -> Finding:
    if provider.own_return_path:
        title = f"SPF of {domain} does not decide with {provider.short_name}"
        return Finding("SPF", "info", title, _bounces(provider), (record,))
    named = sorted(strangers.included & set(provider.spf))
    if named:
        words = f"It includes {listed(named)}. {_rest(strangers)}"
        return Finding("SPF", "good", f"SPF allows {provider.short_name}", words, (record,))
    if not strangers.certain:
        words = (
            f"Whether it allows {provider.short_name} cannot be told from here: {strangers.reason}."
        )
        return Finding("SPF", "unknown", "SPF cannot be judged from here", words, (record,))
    value = with_terms(record, [f"include:{provider.spf[0]}"])
    verdict: Verdict = "bad" if strangers.result == "fail" else "warn"
    title = f"SPF does not allow {provider.short_name}"
    publish = Publish(domain, value, replaces=True)
    return Finding("SPF", verdict, title, _rest(strangers), (record,), publish)


def _of_addresses(
    lookup: Lookup, domain: str, relay: Relay, record: str, strangers: Evaluation
) -> Finding:
    """A server that is nobody's we know: its addresses may be those that mail leaves from."""
    if not relay.is_away:
        words = f"{relay.problem or _unseen(relay)} {_rest(strangers)}"
        title = "SPF is there; whether it allows your server cannot be told"
        return Finding("SPF", "unknown", title, words, (record,))
    results = [evaluate(lookup, domain, each) for each in relay.addresses]
    shown = f"{relay.host} ({listed([str(each) for each in relay.addresses])})"
    if all(each.result == "pass" for each in results):
        words = f"It names every address of it. {_rest(strangers)}"
        return Finding("SPF", "good", f"SPF allows {shown}", words, (record,))
    broken = next((each for each in results if each.result == "permerror"), None)
    if broken is not None:
        title = f"The SPF record cannot be used: {broken.reason}"
        words = f"Receivers end there with a permanent error for mail from {shown}."
        return Finding("SPF", "bad", title, words, (record,))
    if not all(each.certain and each.result != "temperror" for each in results):
        words = f"Whether it allows {shown} cannot be told from here."
        return Finding("SPF", "unknown", "SPF cannot be judged from here", words, (record,))
    some = [str(a) for a, r in zip(relay.addresses, results, strict=True) if r.result == "pass"]
    words = (
        f"It names {listed(some) or 'no address'} of {shown}. If mail leaves from there, publish "
        "the record below. Many servers send from other addresses than they take mail at: then "
        f"your provider has a name to include. {_rest(strangers)}"
    )
    publish = Publish(domain, with_terms(record, _addresses(relay)), replaces=True)
    title = "SPF does not name your server; whether it must cannot be told"
    return Finding("SPF", "unknown", title, words, (record,), publish)


def _addresses(relay: Relay) -> list[str]:
    return [f"ip{each.version}:{each}" for each in relay.addresses if each.is_global]


def _unseen(relay: Relay) -> str:
    """Why the addresses that mail leaves from are not known."""
    if relay.provider is not None:
        return f"What to include for {relay.provider.short_name} is not known here; its pages say."
    if not relay.host:
        return "No server is named yet, so the addresses that mail leaves from are not known."
    return f"{relay.host} is on this machine or network; from where it sends on is not known."


def _rest(strangers: Evaluation) -> str:
    used = f"It takes {strangers.lookups} of the 10 look-ups that receivers make."
    what = _STRANGERS.get(strangers.result)
    return f"The record {what}. {used}" if what else used


def _bounces(provider: Provider) -> str:
    return (
        f"{provider.short_name} puts an address of its own on the envelope, for bounces, and SPF "
        "judges that one. What shows that mail is yours is DKIM."
    )
