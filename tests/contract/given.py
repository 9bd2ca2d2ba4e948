"""What the contract tests hand to a plug-in: it says so itself, in the `examples` of its fields."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from app.domain.plugin import AnyPlugin

NOBODY = "http://127.0.0.1:9"
"""Where nothing listens."""


def example(model: type[BaseModel]) -> dict[str, Any]:
    """Of each field its first example, or the first of its choices; what has neither is left at its default."""
    given: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if field.examples:
            given[name] = field.examples[0]
        elif field.is_required() and get_origin(field.annotation) is Literal:
            given[name] = get_args(field.annotation)[0]
        else:
            assert not field.is_required(), f"give {model.__qualname__}.{name} an example: Field(examples=[…])"
    return given


def settings_of(plugin: AnyPlugin, *, url: str = NOBODY, **more: Any) -> Any:
    """Its settings as its examples say, but whatever is the address of something is `url`: no test asks a stranger."""
    given = example(plugin.settings)
    return plugin.settings(**{name: url if name.endswith("url") else value for name, value in given.items()} | more)
