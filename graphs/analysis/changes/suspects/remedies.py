"""Which of the offered repairs fits what is guilty."""

from __future__ import annotations

from graphs.analysis.changes.reading.words import stem_set

PROVIDER, SURGE, DATA, EXPIRED, NEIGHBOUR, HARDWARE = (
    "a provider's trouble",
    "more traffic than usual",
    "one record that nobody can read",
    "something that ran out or expired",
    "a noisy neighbour",
    "failing hardware",
)
REMEDIES: dict[str, tuple[frozenset[str], ...]] = {
    kind: tuple(stem_set(words.split()) for words in ordered)
    for kind, ordered in {
        "code": ("rollback", "roll back", "revert", "undo", "redeploy", "restore"),
        "config": ("config revert", "configuration restore", "config", "configuration", "revert", "rollback", "roll back", "undo"),
        "flag": ("flag off", "disable flag", "toggle", "flag", "config revert", "revert", "rollback"),
        "scale": ("scale", "resize", "rollback", "revert"),
        PROVIDER: ("escalate", "provider", "vendor", "upstream", "failover", "fail over"),
        "a region's trouble": ("failover", "fail over", "region", "escalate", "provider", "vendor"),
        SURGE: ("scale", "capacity", "resize", "shed", "limit"),
        DATA: ("purge", "quarantine", "skip", "dead letter", "discard", "bad data"),
        EXPIRED: ("rotate", "renew", "certificate", "cert", "reissue"),
        HARDWARE: ("failover", "fail over", "replace", "reschedule", "move", "drain"),
        NEIGHBOUR: ("reschedule", "move", "drain", "migrate", "cordon", "evict"),
    }.items()
}
"""By kind of change, or of what is guilty where no change is, sets of words that name a fitting remedy, best first."""


def remedy(kind: str, offered: tuple[str, ...]) -> str | None:
    """The offered remediation that fits a kind of change ("code", "config", "flag", "scale") or of outside cause; None where
    none does."""
    for wanted in REMEDIES.get(kind, REMEDIES["code"]):
        for word in sorted(offered, key=len):
            if wanted <= stem_set([word]):
                return word
    return None
