"""Running recorded cases, and holding the answers against the truth."""
