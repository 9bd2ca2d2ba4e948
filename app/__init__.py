"""Firstmate: the incident commander's first mate in Slack. Start reading at `main.py`."""

__version__ = "0.1.0"
