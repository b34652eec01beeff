"""What receivers look up about a sender's domain: SPF, DKIM, DMARC, and where replies go.

The package asks DNS and nobody else, within a few seconds, and says of each thing whether it is
there, is not there, or could not be told.
"""

from __future__ import annotations

from .findings import Finding, Publish, Report
from .inspector import Inspector, TooManyLookups
from .lookup import LookupFailed

__all__ = ["Finding", "Inspector", "LookupFailed", "Publish", "Report", "TooManyLookups"]
