"""The Slack surface: verify, write to the inbox, acknowledge. Slack never touches SQL."""
