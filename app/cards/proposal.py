"""The proposal card: what will run, to the letter, and everything needed to say yes or no to it. And what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.cards.card import (
    Button,
    Buttons,
    Card,
    Code,
    Confirm,
    Exact,
    Facts,
    Labelled,
    Note,
    Part,
    Quote,
    Strong,
    Text,
    When,
    Who,
    line,
    note,
    paragraph,
    plain,
)
from app.cards.wording import TIERS, clipped, duration, to_the_letter
from app.domain.approval import Approval, Execution
from app.domain.proposal import Proposal, State
from app.domain.quantity import counted
from app.domain.value import canonical

MOST_EXACT = 2000
"""What will run must be shown in full; longer than this (see `shown_length`) it is refused when proposed, never cut."""


MOST_FACT = 400
"""Of each fact on the card, so that a phone's screen holds them all."""
MOST_DRY_RUN = 200
MOST_TITLE = 145
MOST_CONFIRMED = 300
"""Slack shows no more in the box that asks once more."""


def exact_text(proposal: Proposal) -> str:
    """What will run, rendered from the stored bytes: the sentence, the action, and its very arguments, one to a line.

    Written so that no surface changes a character of it on the way to whoever reads it.
    """
    arguments = [f"  {name} = {canonical(proposal.call.arguments[name]).decode()}" for name in sorted(proposal.call.arguments)]
    return "\n".join(to_the_letter(each) for each in (proposal.effects.sentence, proposal.call.action, *arguments))


def before_text(proposal: Proposal) -> str:
    """How the target was when it was proposed, as the details show it."""
    return to_the_letter(canonical(proposal.precondition).decode())


def shown_length(text: str) -> int:
    """How long it is once a surface has escaped its markup."""
    return len(text) + 4 * text.count("&") + 3 * (text.count("<") + text.count(">"))


def proposal_card(
    proposal: Proposal,
    *,
    state: State,
    needs: str,
    decided: Sequence[Approval] = (),
    result: str | None = None,
    expires_at: datetime | None = None,
    moved: str = "",
    again: str | None = None,
) -> Card:
    """`needs`: whose press it waits for, as policy says it. Once decided the buttons give way to who decided what, when.

    `expires_at`: where that is sooner than the proposal's own. `moved`: what changed, of one that was superseded; `again`: the
    name of what was planned in its place."""
    parts: list[Part] = [Exact(label=f"{_label(state)} · {proposal.name}", text=exact_text(proposal))]
    if state == "proposed":
        parts.append(_facts(proposal))
        parts.append(_decision_buttons(proposal))
        if decided:
            parts.append(paragraph(_yes_so_far(decided)))
        until = When(at=expires_at or proposal.expires_at)
        parts.append(Note(line=line("Asked by ", Code(text=proposal.asked_by), f" · {needs} · expires ", until)))
    else:
        parts.append(paragraph(_decided(state, decided, result)))
        if state in ("superseded", "expired"):
            parts += _over(proposal, moved, again)
    return Card(kind="proposal", gist=_gist(proposal, state, decided, result), title=_title(proposal, state), parts=tuple(parts))


def _facts(proposal: Proposal) -> Facts:
    effects = proposal.effects
    criterion = proposal.criterion.sentence if proposal.criterion else "none could be stated: watch the symptom yourself"
    hold = f", for {duration(proposal.criterion.hold_s)}" if proposal.criterion else ""
    waiting = "the repair stays as it is" if proposal.undoes else "not known"
    return Facts(
        items=(
            _fact("Tier", TIERS[proposal.tier]),
            *((Labelled(label="Resource", line=(Code(text=effects.target),)),) if proposal.tier == 3 else ()),
            _fact("Touches", effects.blast_radius),
            _fact("Downtime", effects.downtime),
            _fact("Undo", effects.undo_sentence or "none: it can't be undone"),
            _fact("Success", f"{criterion}{hold}"),
            _fact("If we wait", proposal.if_we_wait or waiting),
            _fact("Dry run", ("ok: " if proposal.preview.ok else "failed: ") + _dry_run(proposal.preview.lines)),
        )
    )


def facts_too_long(proposal: Proposal) -> list[str]:
    """What of it would not fit on its card: refused when it is proposed, never cut."""
    return [fact.label for fact in _facts(proposal).items if shown_length(plain(fact.line)) > MOST_FACT]


def _dry_run(lines: Sequence[str]) -> str:
    """All of it where that is short; else its first line and how many more the details hold."""
    told = "; ".join(lines)
    if len(told) <= MOST_DRY_RUN or len(lines) < 2:
        return told
    return f"{lines[0]} (and {counted(len(lines) - 1, 'line')} more under Details)"


def _label(state: State) -> str:
    if state in ("proposed", "approved"):
        return "What will run"
    return {"executing": "What is running", "done": "What ran", "failed": "What was tried", "unknown": "What was tried"}.get(
        state, "What would have run"
    )


def details_card(proposal: Proposal) -> Card:
    """Everything stored about it: why, precondition, preview, policy."""
    before = before_text(proposal)
    shown = tuple(line(each) for each in proposal.preview.lines) or (line("nothing"),)
    return Card(
        kind="note",
        gist=f"Details of {proposal.name}: {proposal.effects.sentence}",
        title=f"Details of {proposal.name}",
        parts=(
            paragraph(line(Strong(text="Why")), line(proposal.why)),
            Exact(label="What will run", text=exact_text(proposal)),
            Exact(label="Read back when proposed; compared again before the press and before the run", text=before),
            paragraph(line(Strong(text="Dry run")), *shown),
            paragraph(line(Strong(text="Expected downtime"), f" {proposal.effects.downtime}")),
            Note(line=line(f"hash {proposal.hash} · policy {proposal.policy[:12]}")),
        ),
    )


def signing_card(proposal: Proposal) -> Card:
    """What somebody at a shell is about to sign: the same as the card shows, from the same stored bytes."""
    asked = line("Asked by ", Code(text=proposal.asked_by), " · expires ", When(at=proposal.expires_at), f" · {proposal.hash}")
    exact = Exact(label=f"What will run · {proposal.name}", text=exact_text(proposal))
    gist = f"To be signed: {clipped(proposal.effects.sentence, 500)}"
    return Card(kind="note", gist=gist, title=_title(proposal, "proposed"), parts=(exact, _facts(proposal), Note(line=asked)))


def outcome_card(proposal: Proposal, execution: Execution, *, decided: Sequence[Approval], undo: str | None) -> Card:
    """What the run and its verification came to. `undo`: the name of the proposal that would undo it."""
    word = _OUTCOMES[execution.state]
    approvers = [Who(id=a.by) for a in decided if a.decision == "approve"]
    by = [piece for who in approvers for piece in (", ", who)][1:] or ["nobody"]
    text = f"{proposal.effects.sentence}: {word}" + (f"; {execution.detail}" if execution.detail else "")
    parts: list[Part] = [paragraph(line(Strong(text=f"{word.capitalize()}: "), proposal.effects.sentence), line(execution.detail))]
    if undo:
        back = f" ({proposal.effects.undo_sentence})"
        parts.append(paragraph(line("To undo it in one step: press Undo on ", Code(text=undo), back)))
    if todo := _NEXT.get(execution.state):
        parts.append(paragraph(line(Strong(text="A person is needed: "), todo)))
    parts.append(Note(line=line("Approved by ", *by, " · run ", Code(text=execution.id))))
    return Card(kind="outcome", gist=clipped(text, 580), title="", parts=tuple(parts))


def stopped_card(proposal: Proposal, *, reason: str) -> Card:
    """Approved, and yet it did not run: whoever pressed is told why."""
    said = f"{proposal.name} was approved and did not run: {clipped(reason, 300)}. If it is still wanted, propose it again."
    return note(said)


_OUTCOMES = {
    "started": "running",
    "finished": "ran, being verified",
    "verified": "recovered, the criterion is met",
    "missed": "ran, but the criterion is not met",
    "unverified": "ran, but could not be verified",
    "failed": "failed, nothing changed",
    "unknown": "unknown whether it took effect",
}

_NEXT = {
    "missed": "the symptom is still there. Press Triage again on the pinned card, or undo it.",
    "unverified": "look whether the symptom is gone.",
    "failed": "look why; if it is still wanted, propose it again.",
    "unknown": "look whether it took effect. It will not run again by itself; if it did not and is still wanted, propose it again.",
}
"""What to do now, by how it came out."""

_STATES: dict[State, str] = {
    "proposed": "waits for a decision",
    "approved": "approved",
    "rejected": "rejected",
    "expired": "expired: nobody decided in time; if it is still wanted, propose it again",
    "superseded": "superseded: things are no longer as they were when it was proposed; if it is still wanted, propose it again",
    "executing": "running",
    "done": "ran",
    "failed": "failed",
    "unknown": "unknown whether it took effect",
}


def _fact(label: str, text: str) -> Labelled:
    return Labelled(label=label, line=(Text(text=text),))


def _decision_buttons(proposal: Proposal) -> Buttons:
    said = to_the_letter(proposal.effects.sentence)
    what = clipped(said, 60)
    whole = f"{said}. Undo: {proposal.effects.undo_sentence or 'none'}."
    confirm = Confirm(
        title="Approve and run now?",
        text=whole if len(whole) <= MOST_CONFIRMED else "Exactly what the card shows under What will run.",
        yes="Approve and run",
    )
    label: str = "Undo" if proposal.undoes else "Approve"
    return Buttons(
        name="decide",
        buttons=(
            Button(
                label=label,
                # At tier 3 a dialog asks for the resource's name: that is its confirmation.
                action="consent" if proposal.tier == 3 else "approve",
                value=proposal.hash,
                spoken=f"{label}: {what}",
                # The way back from a repair stands ready; nothing about it invites a press.
                style="plain" if proposal.undoes else "primary",
                confirm=None if proposal.tier == 3 else confirm,
            ),
            Button(
                label="Reject",
                action="reject",
                value=proposal.hash,
                spoken=f"Reject: {what}",
                style="plain" if proposal.undoes else "danger",
            ),
            Button(label="Details", action="details", value=proposal.hash, spoken=f"Details: {what}"),
        ),
    )


def _decided(state: State, decided: Sequence[Approval], result: str | None) -> tuple[Text | Strong | Who | When | Code, ...]:
    pieces: list[Text | Strong | Who | When | Code] = [Strong(text=_STATES[state].capitalize())]
    for approval in decided:
        verb = " · approved by " if approval.decision == "approve" else " · rejected by "
        pieces += [Text(text=verb), Who(id=approval.by), Text(text=" at "), When(at=approval.at)]
        if approval.reason:
            pieces.append(Text(text=f" ({clipped(approval.reason, 120)})"))
    if result:
        pieces.append(Text(text=f" · {clipped(result, 300)}"))
    return tuple(pieces)


def _yes_so_far(decided: Sequence[Approval]) -> tuple[Text | Strong | Who | When, ...]:
    pieces: list[Text | Strong | Who | When] = [Strong(text="Yes so far")]
    for approval in decided:
        how = " with a key, outside Slack, at " if approval.surface == "shell" else " at "
        pieces += [Text(text=" · "), Who(id=approval.by), Text(text=how), When(at=approval.at)]
    return tuple(pieces)


def _over(proposal: Proposal, moved: str, again: str | None) -> list[Part]:
    """Why it did not come to its run, and the way on."""
    told: list[Part] = [paragraph(line(Strong(text="Why: "), Quote(text=moved)))] if moved else []
    if again is not None:
        return [*told, Note(line=line("Planned again as ", Code(text=again)))]
    what = clipped(to_the_letter(proposal.effects.sentence), 60)
    spoken = f"Plan again: {what}"
    return [*told, Buttons(name="over", buttons=(Button(label="Plan again", action="again", value=proposal.hash, spoken=spoken),))]


def _title(proposal: Proposal, state: State) -> str:
    if state == "proposed":
        asked = "Only if the repair was wrong:" if proposal.undoes else "Approve?"
    else:
        asked = _STATES[state].split(":")[0].capitalize() + ":"
    whole = f"{asked} {to_the_letter(proposal.effects.sentence)}"
    return whole if len(whole) <= MOST_TITLE else f"{asked} what stands below, in full"


def _gist(proposal: Proposal, state: State, decided: Sequence[Approval], result: str | None) -> str:
    if state == "proposed":
        asked = "The way back, should it be needed, for" if proposal.undoes else "Approval needed for"
        return clipped(
            f"{asked} {proposal.incident}: {proposal.effects.sentence} (tier {proposal.tier}), "
            f"expires {_utc(proposal.expires_at)}. Undo: {proposal.effects.undo_sentence or 'none'}",
            580,
        )
    word, by = _STATES[state], ", ".join(f"{a.by} at {_utc(a.at)}" for a in decided)
    if by and ":" not in word:
        word += f" by {by}" if state in ("approved", "rejected") else f", approved by {by}"
    told = f"{proposal.effects.sentence}; {result}" if result else f"{proposal.effects.sentence}."
    return clipped(f"{proposal.name} {word}: {told}", 580)


def _utc(moment: datetime) -> str:
    return f"{moment:%H:%M} UTC"
