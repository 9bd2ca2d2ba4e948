from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.action import Tier
from app.domain.errors import Misconfigured
from app.policy.policy import MOST_BYTES, Asked, load, starter

SOUND = """
format: 1
approvers:
  - target: shop/service/checkout
    people: [U1, U2]
  - target: shop/database/**
    people: [W3]
  - target: shop/service/*
    people: [U2, U4]
expiry_minutes: {tier_2: 10}
"""


def asked(target: str, *, action: str = "do", tier: Tier = 1) -> Asked:
    return Asked(target=target, action=action, tier=tier)


def test_a_sound_file_is_read_with_defaults_for_what_it_leaves_out() -> None:
    policy = load(SOUND)
    assert [policy.expiry(tier) for tier in (0, 1, 2, 3)] == [timedelta(minutes=m) for m in (30, 30, 10, 5)]
    assert policy.verification.within_s == 600
    assert policy.local_operator is None
    assert not policy.empty


@pytest.mark.parametrize(
    ("target", "people"),
    [
        ("shop/service/checkout", ("U1", "U2", "U4")),
        ("shop/service/cart", ("U2", "U4")),
        ("shop/service/", ()),
        ("shop/service", ()),
        ("shop/service/checkout/pod", ()),
        ("Shop/service/checkout", ()),
        ("shop/service/checkout ", ("U2", "U4")),
        ("shop/database/orders", ("W3",)),
        ("shop/database/orders/replica", ("W3",)),
        ("shop/database", ()),
        ("shop/databases/orders", ()),
        ("", ()),
    ],
)
def test_approvers_are_found_by_whole_segments(target: str, people: tuple[str, ...]) -> None:
    assert load(SOUND).approvers_of(asked(target)) == people


def test_the_version_follows_what_the_file_says_and_not_how() -> None:
    assert load(SOUND).version == load("# a comment\n" + SOUND.replace("[U1, U2]", "['U1', U2]")).version
    assert load(SOUND).version != load(SOUND.replace("tier_2: 10", "tier_2: 11")).version
    assert len(load(SOUND).version) == 64


def test_the_starter_is_sound_and_approves_nothing() -> None:
    policy = load(starter())
    assert policy.empty
    assert policy.approvers_of(asked("shop/service/checkout")) == ()


def test_the_starters_example_is_sound_once_its_comment_signs_are_gone() -> None:
    lines = starter().replace("approvers: []\n", "", 1).splitlines()
    for key in ("approvers", "owners", "environments", "freezes"):
        begin = lines.index(f"# {key}:")
        end = next(index for index in range(begin, len(lines)) if not lines[index].startswith("#"))
        lines[begin:end] = [line.removeprefix("# ") for line in lines[begin:end]]
        lines = [line for line in lines if line not in (f"{key}: []", f"{key}: {{}}")]
    policy = load("\n".join(lines))
    assert [freeze.name for freeze in policy.freezes] == ["weekend", "sale"]
    assert policy.approvers_of(asked("shop/service/any")) == ("U024BE7LH", "U0G9QF9C6")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("# nothing", "empty"),
        ("- a", "keys and values"),
        ("format: 2", "format"),
        ("approvers: []", "format: is missing"),
        ("format: 1\nauto_approve: true", "auto_approve: there is no such key"),
        ("format: 1\napprovers:\n  - target: a\n    people: [U1]\n    tier: 3", r"approvers\[0\].tier: there is no such key"),
        ("format: 1\napprovers:\n  - target: a/b\n    people: []", r"approvers\[0\]: name people, groups or roles"),
        ("format: 1\napprovers:\n  - target: a/b\n    people: [proposer@1.0.0]", "no Slack user id"),
        ("format: 1\napprovers:\n  - target: a/b\n    people: ['*']", "no Slack user id"),
        ("format: 1\napprovers:\n  - target: a/b\n    people: ['']", "no Slack user id"),
        ("format: 1\napprovers:\n  - target: '*'\n    people: [U1]", "at least the first segment"),
        ("format: 1\napprovers:\n  - target: '**'\n    people: [U1]", "at least the first segment"),
        ("format: 1\napprovers:\n  - target: a/b*\n    people: [U1]", "whole segment"),
        ("format: 1\napprovers:\n  - target: a/**/b\n    people: [U1]", "whole segment"),
        ("format: 1\nexpiry_minutes: {tier_1: 0}", "expiry_minutes.tier_1"),
        ("format: 1\nexpiry_minutes: {tier_1: 010}", "expiry_minutes.tier_1"),
        ("format: 1\nexpiry_minutes: {tier_1: 1:30}", "expiry_minutes.tier_1"),
        ("format: 1\nexpiry_minutes: {tier_1: '30'}", "expiry_minutes.tier_1"),
        ("format: 1\nexpiry_minutes: {tier_1: 99999999999999999999}", "expiry_minutes.tier_1"),
        ("format: 1\nverification: {hold_s: 600, within_s: 60}", "hold_s must be less"),
        ("format: 1\nlocal_operator: {target_prefix: shop}", "end with a slash"),
        ("format: 1\nlocal_operator: {target_prefix: /}", "target_prefix"),
        ("format: 1\nformat: 1", "stands twice"),
        ("format: 1\n---\nformat: 1", "second document"),
        ("format: &a 1", "aliases and anchors"),
        ("a: &a [1]\nb: *a", "aliases and anchors"),
        ("format: !!int 1", "tags"),
        ("format: !!python/object/apply:os.system ['true']", "tags"),
        ("? [a]\n: 1", "keys are words"),
        ("1: 1", "keys are words"),
        ("<<: {format: 1}", "no such key"),
        ("format: 1\na: " + "[" * 40 + "]" * 40, "nested too deeply"),
        ("format: [", "no readable YAML"),
        ("format: 1\0", "no readable YAML"),
        ('format: "\\U99999999"', "names no character"),
        ('format: "\\U00110000"', "names no character"),
        ('format: 1\napprovers:\n  - target: "a/\\ud800"\n    people: [U1]', "names no character"),
        ("#" * (MOST_BYTES + 1), "larger than 256 kB"),
    ],
)
def test_what_is_wrong_is_said_with_the_key(text: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        load(text)


def test_words_stay_words() -> None:
    with pytest.raises(Misconfigured, match="no Slack user id"):
        load("format: 1\napprovers:\n  - target: a/no\n    people: [no]")
    assert load("format: 1\napprovers:\n  - target: a/no\n    people: [U1]").approvers_of(asked("a/no")) == ("U1",)


NARROW = """
format: 1
approvers:
  - target: prod/service/*
    people: [UALL]
  - target: prod/service/*
    groups: [SDBA]
    roles: [operations, owner]
    tiers: [2, 3]
    actions: [restart]
    environments: [live]
owners:
  - target: prod/service/cart
    people: [UOWNER]
    groups: [SCART]
environments:
  live: [prod/**]
"""


@pytest.mark.parametrize(
    ("of", "people"),
    [
        (asked("prod/service/cart", action="restart", tier=2), ("UALL", "UDBA", "UOPS", "UOWNER", "UCART")),
        (asked("prod/service/mail", action="restart", tier=2), ("UALL", "UDBA", "UOPS")),
        (asked("prod/service/cart", action="restart", tier=1), ("UALL",)),
        (asked("prod/service/cart", action="scale", tier=2), ("UALL",)),
    ],
)
def test_an_entry_speaks_of_its_actions_tiers_and_environments_only(of: Asked, people: tuple[str, ...]) -> None:
    policy = load(NARROW)
    members = {"SDBA": ["UDBA"], "SCART": ["UCART"]}
    assert policy.approvers_of(of, roles={"operations": ["UOPS"]}, members=members) == people
    elsewhere = load(NARROW.replace("live: [prod/**]", "live: [stage/**]"))
    assert elsewhere.approvers_of(of, roles={"operations": ["UOPS"]}, members=members) == ("UALL",)


def test_a_group_or_role_that_nobody_can_tell_about_gives_nobody_a_right() -> None:
    of = asked("prod/service/cart", action="restart", tier=2)
    assert load(NARROW).groups_of(of) == ("SDBA", "SCART")
    assert load(NARROW).approvers_of(of) == ("UALL", "UOWNER")
    assert load(NARROW).groups_of(asked("prod/service/mail", action="restart", tier=2)) == ("SDBA",)


@pytest.mark.parametrize(
    ("was", "written", "told"),
    [
        ("groups: [SDBA]", "groups: [U1]", "no Slack user-group id"),
        ("roles: [operations, owner]", "roles: [boss]", r"approvers\[1\].roles"),
        ("tiers: [2, 3]", "tiers: [0]", r"approvers\[1\].tiers"),
        ("environments: [live]", "environments: [dead]", "say what it is under environments"),
    ],
)
def test_an_entry_that_can_not_be_meant_is_refused(was: str, written: str, told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        load(NARROW.replace(was, written))
