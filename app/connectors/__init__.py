"""One file per system we read. Each exposes `CONNECTOR`; the folder is the registry."""
