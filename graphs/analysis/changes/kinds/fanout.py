"""How many are asked at once, and how often: what bounded it, spread it out or put calls together, and went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Altered, Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.names import calls_out, clean, last_names
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_BOUND = re2.compile(
    r"\bp?[lL]imit\(\s*(?:\d|[A-Z]\w*\)|\w*(?:[cC]oncurrency|[mM]ax)|\(\) ?=>|async \(\))|\bpMap\(|\bnew (?:PQueue|Bottleneck)\("
    r"|\bconcurrency\b\"?\s*[:=]|\.(?:map|each|eachOf|parallel)Limit\("
    r"|\b(?:Bounded)?Semaphore(?:Slim|::new)?\(|\bCapacityLimiter\(|\bmax_workers\s*=|\bsem\w*\.(?:[aA]cquire|Wait)\w*\("
    r"|\b\w*[sS]em\w* <- |make\(chan struct\{\}, |\.SetLimit\(|semaphore\.NewWeighted\("
    r"|\.buffer(?:ed|_unordered)\(|for_each_concurrent\((?:Some|\d)|\blimitedParallelism\(|\bnewFixedThreadPool(?:Context)?\("
    r"|\bMaxDegreeOfParallelism\b|\b(?:mergeMap|flatMap)\([^()]*(?:\([^()]*\)[^()]*)*, (?:\d+|[A-Z_]{4,}|\w*[cC]oncurrency)\)"
)
"""What lets only so many go at once, in the usual libraries."""
_AT_ONCE = re2.compile(
    r"\bPromise\.all(?:Settled)?\(|\bgather\(|\bTask\.WhenAll\(|\b(?:try_)?join_all\(|\bFuturesUnordered\b|\bawaitAll\(|\bcreate_task\("
    r"|\bstart_soon\("
    r"|(?:^|\W)go (?:func\b|\w[\w.]*\()|\b\w+\.Go\(|\bTaskGroup\(|\bnewCachedThreadPool\(|VirtualThreadPerTask|\bparallelStream\("
    r"|\bspawn\(|\bThread\(|\bthread \{|\basync \{|\blaunch \{"
    r"|\b(?:merge|flat)Map\(|\bParallel\.ForEach\w*\(|\.par_iter\(|\bsupplyAsync\("
)
_OVER_MANY = re2.compile(
    r"\.map\(|\bfor\b|\.Select\(|\.forEach\(|\.each\b|\.into_iter\(|\.iter\(|\*\[|\.stream\(|\b(?:merge|flat)Map\(|\.par_iter\(|\bForEach"
)
_IN_PARTS = re2.compile(r"(?i)chunk|batch|partition\(|islice\(|\bwindowed\(|\bslice\(\w+, \w+ ?\+")


def unbounded(sides: Sides) -> Iterator[Effect]:
    """Only so many went at once, and all of them do now."""
    old, new = sides.code
    bounds = [one for one in old if _BOUND.search(one.text)]
    if not bounds or any(_BOUND.search(one.text) or _IN_PARTS.search(one.text) for one in new):
        return
    files = {one.path for one in bounds}
    made = [one for one in new if one.path in files and _AT_ONCE.search(one.text)]
    many = [one for one in made if _OVER_MANY.search(one.text) or one.loops or _pool(one)]
    if many:
        other = next((one for one in bounds if last_names(one) & last_names(many[0])), bounds[0])
        yield _all_at_once("nothing bounds how many go at once", 0.75, many[0], other)


def _pool(one: Statement) -> bool:
    return "newCachedThreadPool" in one.text or "VirtualThreadPerTask" in one.text


_ONE_BY_ONE = re2.compile(r"\bawait\b|\.await\b|\.get\(\)|\.join\(\)|\.block\(\)")


def no_longer_in_turn(sides: Sides) -> Iterator[Effect]:
    """What was asked one after the other in a loop is asked for all of them at once."""
    for old, new in sides.by_code_file():
        if any(_BOUND.search(one.text) or _IN_PARTS.search(one.text) for one in (*old, *new)):
            continue
        in_turn = {
            name: one
            for one in old
            if one.loops and calls_out(one) and _ONE_BY_ONE.search(one.text) and not _AT_ONCE.search(one.text)
            for name in last_names(one)
        }
        turn = {
            name: one
            for one in old
            if one.loops and one.path.endswith(".go") and not _AT_ONCE.search(one.text)
            for name in last_names(one)
        }
        for one in new:
            if one.loops and one.text.startswith("go ") and (spawned := last_names(one) & turn.keys()):
                yield _all_at_once(f"all {clean(min(spawned))} at once, and no longer in turn", 0.6, one, turn[min(spawned)])
                return
            same = last_names(one) & in_turn.keys()
            if same and _AT_ONCE.search(one.text) and (_OVER_MANY.search(one.text) or one.loops):
                yield _all_at_once(f"all {clean(min(same))} at once, and no longer in turn", 0.6, one, in_turn[min(same)])
                return


def _all_at_once(note: str, weight: float, one: Statement, other: Statement) -> Effect:
    return effect_of("fanout", weight, note, one, resource=RESOURCE["workers"], direction="gone", other=other)


_HELD_BACK = re2.compile(
    r"\b(?:use)?(?:[dD]ebounce|[tT]hrottle)\w*(?:<[^()]*>)?\("
    r"|\bdistinctUntilChanged\(|\.removeDuplicates\(|\.DistinctUntilChanged\("
)


def no_longer_held_back(sides: Sides) -> Iterator[Effect]:
    """What was asked once for many events in a row is asked for each of them."""
    for old, new in sides.by_code_file():
        held = next((one for one in old if _HELD_BACK.search(one.text)), None)
        if held is None or any(_HELD_BACK.search(one.text) for one in _standing(sides, held.path)):
            continue
        said = {token.text for token in held.tokens if token.kind == "word"}
        stays = next((one for one in new if len(said & {token.text for token in one.tokens}) >= 2), None)
        if stays is not None:
            limit = RESOURCE["rate_limit"]
            note = "asked at each event, and no longer once for many"
            yield effect_of("fanout", 0.65, note, stays, resource=limit, direction="gone", other=held)


_LAST_ONLY = listed("switchMap flatMapLatest switchLatest Switch exhaustMap concatMap mapLatest collectLatest")
_EACH_ONE = listed("mergeMap flatMap flatMapMerge collect SelectMany")


def answers_overtake(before: Statement, after: Statement) -> Effect | None:
    """The answers to several requests in a row counted in turn, or the last one only; now whichever comes last does."""
    was, now = last_names(before), last_names(after)
    if not (was & _LAST_ONLY) - now or not (now & _EACH_ONE) - was:
        return None
    return effect_of("swapped", 0.65, f"{clean(min(was & _LAST_ONLY))} no longer keeps the order of answers", after, other=before)


def _standing(sides: Sides, path: str) -> Sequence[Statement]:
    return [one for one in sides.shown.standing if one.path == path]


KINDS = (
    Throughout(unbounded),
    Throughout(no_longer_in_turn),
    Throughout(no_longer_held_back),
    Altered(answers_overtake, of="code"),
)
