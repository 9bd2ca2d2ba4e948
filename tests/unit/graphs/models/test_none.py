from __future__ import annotations

from pydantic import BaseModel

from graphs.models.none import NoModel


class Note(BaseModel):
    text: str


async def test_no_model_answers_nothing() -> None:
    model = NoModel()
    assert model.name == "none"
    assert await model.complete(system="s", prompt="p", schema=Note, deadline_s=1.0) is None
