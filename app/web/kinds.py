"""What kinds of deliveries the web intake takes. Apart from the server, so that whoever works on them needs no web framework."""

from __future__ import annotations

ALERTS, CHANGES = "webhook.alerts", "webhook.changes"
NEVER_SHED = (ALERTS,)
"""What is kept however much waits: whoever sends these may not send them again."""
