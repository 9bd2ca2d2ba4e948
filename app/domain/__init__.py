"""The words of the trade, as frozen values. No I/O, no vendor, no Slack. One glossary word, one class."""
