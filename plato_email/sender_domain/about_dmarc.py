"""What a domain's DMARC policy means for mail through one server, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dmarc import Policy, find_policy
from .findings import Finding, Publish, sentence
from .lookup import LookupFailed

if TYPE_CHECKING:
    from .lookup import Lookup

_DOES = {"quarantine": "put into the spam folder", "reject": "refused"}


def find_dmarc(lookup: Lookup, domain: str) -> Policy | Finding:
    """Return the policy for mail from ``domain``, or the finding that there is none to speak of."""
    try:
        policy = find_policy(lookup, domain)
    except LookupFailed as failed:
        words = sentence(failed)
        return Finding("DMARC", "unknown", "DMARC could not be looked up", words)
    except ValueError as error:
        words = "Receivers treat it as if it were not there."
        return Finding("DMARC", "bad", f"The DMARC record cannot be used: {error}", words)
    if policy is None:
        words = (
            "Large providers ask for one from everybody who sends much. This one changes nothing "
            "yet: it only says that you have a policy. Add rua=mailto:… to be sent reports."
        )
        publish = Publish(f"_dmarc.{domain}", "v=DMARC1; p=none")
        return Finding("DMARC", "warn", "No DMARC record", words, (), publish)
    return policy


def about_dmarc(domain: str, policy: Policy, spf: Finding, dkim: Finding) -> Finding:
    """Judge a policy by what there is to pass it with."""
    where = "" if policy.domain == domain else f" (of {policy.domain})"
    records = (policy.text,)
    if policy.policy == "none" or policy.testing:
        title = f"DMARC only watches: p={policy.policy}{where}"
        words = "Nothing is refused for it. When SPF and DKIM are in order, quarantine is next."
        return Finding("DMARC", "good", title, words, records)
    title = f"DMARC asks for {policy.policy}{where}"
    fate = f"Mail that shows neither by SPF nor by DKIM that it is from {domain} is to be "
    words = f"{fate}{_DOES[policy.policy]}. {_alignment(domain, policy)}"
    if "good" in (spf.verdict, dkim.verdict):
        shown = "SPF" if spf.verdict == "good" else "DKIM"
        words += f" Mail through this server should pass by {shown}."
        return Finding("DMARC", "good", title, words, records)
    if spf.verdict in ("bad", "warn", "info") and dkim.verdict == "bad":
        words += " Mail through this server passes neither: mend SPF or DKIM first."
        return Finding("DMARC", "bad", title, words, records)
    words += " Whether mail through this server passes cannot be told; see SPF and DKIM."
    return Finding("DMARC", "unknown", title, words, records)


def _alignment(domain: str, policy: Policy) -> str:
    strict = [n for n, s in (("SPF", policy.strict_spf), ("DKIM", policy.strict_dkim)) if s]
    if not strict:
        return "A name of the same organisation is enough."
    return f"{' and '.join(strict)} must name exactly {domain}, not one below or above it."
