"""Files that are made again and again, and no longer taken away: a disk fills up, with bytes or with names."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.names import called_name
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_REMOVES = re2.compile(
    r"\b(?:os\.(?:remove|unlink|Remove|RemoveAll)|shutil\.rmtree|fs(?:\.promises)?\.(?:unlink|rm|rmdir)(?:Sync)?|unlinkSync"
    r"|FileUtils\.(?:rm\w*|remove\w*|delete\w*|forceDelete)|Files\.delete(?:IfExists)?|File\.(?:delete|unlink|Delete)|Directory\.Delete"
    r"|std::fs::remove_\w+|fs::remove_\w+|tokio::fs::remove_\w+|Storage::delete)\s*[(\s]"
    r"|(?i:te?mp(?:_?file|_?dir|_?path)?)\w*\.(?:unlink|close!|cleanup|delete|remove|close_and_unlink|deleteOnExit)!?\b|\.deleteOnExit\("
    r"|\brm -r?f\b|\bfind\b.*\s-delete\b|\btmpwatch\b|\btmpreaper\b"
)
_LEAVES = re2.compile(r"NamedTemporaryFile\(.*\bdelete\s*=\s*False")
_BOUNDS = re2.compile(r"\bproxy_cache_path\b.*\bmax_size=|\bfastcgi_cache_path\b.*\bmax_size=")


def left_behind(sides: Sides) -> Iterator[Effect]:
    """What was removed when it had served stays."""
    kept = RESOURCE["retention"]
    went = next((one for one in sides.olds if _REMOVES.search(one.text)), None)
    if went is not None and not any(_REMOVES.search(one.text) for one in sides.shown.standing):
        yield effect_of("gone", 0.6, f"{called_name(went)} takes no file away any more", went, resource=kept, direction="gone")
        return
    come = next((one for one in sides.news if _LEAVES.search(one.text)), None)
    removed = any(_REMOVES.search(one.text) for one in sides.shown.standing)
    if come is not None and not removed and not any(_LEAVES.search(one.text) for one in sides.olds):
        yield effect_of("gone", 0.6, "a temporary file stays when it is closed", come, resource=kept, direction="gone")
    bound = next((one for one in sides.olds if _BOUNDS.search(one.text)), None)
    if bound is not None and not any(_BOUNDS.search(one.text) for one in sides.shown.standing):
        yield effect_of("gone", 0.6, "what is kept on disk has no bound", bound, resource=kept, direction="gone")


KINDS = (Throughout(left_behind),)
