"""What people are shown, described once: ledger values in, a `Card` out. Terminal, Slack and console only write it out."""
