"""Finding plug-ins: every file of a folder that exposes the agreed object. One that fails to import stops the start."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from app.domain.errors import Misconfigured
from app.domain.value import digest


def discover(package: str, attribute: str) -> dict[str, Any]:
    """`attribute` of every module in `package` that has one, by module name, in alphabetical order.

    Raises `Misconfigured`, naming the module, when one cannot be imported: a missing plug-in must not go unnoticed.
    """
    folder = importlib.import_module(package)
    found: dict[str, Any] = {}
    for module in sorted(pkgutil.iter_modules(folder.__path__), key=lambda each: each.name):
        name = f"{package}.{module.name}"
        try:
            loaded = importlib.import_module(name)
        except Exception as error:  # whatever a plug-in's import raises, the answer is the same
            raise Misconfigured(
                f"{name} could not be loaded ({type(error).__name__}: {error}); mend or remove that file"
            ) from error
        if hasattr(loaded, attribute):
            found[module.name] = getattr(loaded, attribute)
    return found


def catalogue_hash(names: dict[str, list[str]]) -> str:
    """A short name for exactly this set of plug-ins, printed at start and kept in the ledger."""
    return digest({kind: sorted(held) for kind, held in names.items()})[:12]
