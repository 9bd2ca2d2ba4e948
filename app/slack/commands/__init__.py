"""The verbs of `/incident`: one file each, exposing `COMMAND`. A new verb never touches the manifest."""
