"""One file per investigator; each exposes `INVESTIGATOR`. The folder is the registry."""
