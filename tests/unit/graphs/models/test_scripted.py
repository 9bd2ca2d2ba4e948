from __future__ import annotations

from pydantic import BaseModel

from app.domain.ports import Model
from graphs.models.scripted import Late, ScriptedModel


class Note(BaseModel):
    text: str
    weight: float = 0.0


class Other(BaseModel):
    order: list[str]


async def ask(model: Model, prompt: str = "p", *, deadline_s: float = 5.0) -> BaseModel | None:
    return await model.complete(system="be brief", prompt=prompt, schema=Note, deadline_s=deadline_s)


async def test_answers_come_back_in_order_and_as_the_schema() -> None:
    model = ScriptedModel([Note(text="a"), {"text": "b", "weight": 2}, '{"text": "c"}'])
    assert [await ask(model) for _ in range(3)] == [Note(text="a"), Note(text="b", weight=2.0), Note(text="c")]


async def test_a_bad_answer_is_none_and_does_not_raise() -> None:
    model = ScriptedModel([{"nothing": 1}, "not json", Other(order=["x"]), None])
    assert [await ask(model) for _ in range(4)] == [None, None, None, None]


async def test_a_late_answer_is_none_and_one_in_time_is_not() -> None:
    model = ScriptedModel([Late(Note(text="late"), after_s=9.0), Late(Note(text="in time"), after_s=1.0)])
    assert await ask(model, deadline_s=5.0) is None
    assert await ask(model, deadline_s=5.0) == Note(text="in time")


async def test_after_the_last_answer_there_is_none() -> None:
    model = ScriptedModel([Note(text="only")])
    await ask(model)
    assert await ask(model) is None


async def test_it_remembers_what_it_was_asked() -> None:
    model = ScriptedModel([])
    await ask(model, "first", deadline_s=2.0)
    await ask(model, "second")
    assert [(a.prompt, a.system, a.schema, a.deadline_s) for a in model.asked] == [
        ("first", "be brief", Note, 2.0),
        ("second", "be brief", Note, 5.0),
    ]
