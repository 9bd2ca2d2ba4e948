"""views.*: modals and the Home tab, and what a modal's acknowledgement does to them."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from .arguments import invalid_arguments, structure
from .limits import VIEW_BYTES_MOST, problems
from .state import Json, SlackError, View, Workspace

STACK_MOST = 3


def _content(workspace: Workspace, method: str, view: Any, args: Json, *, kinds: tuple[str, ...]) -> Json:
    if not isinstance(view, dict) or view.get("type") not in kinds:
        raise invalid_arguments(f"view must be an object of type {' or '.join(kinds)} [json-pointer:/view]")
    found = problems(view)
    for problem in found:
        workspace.violate(method, problem, args)
    if len(json.dumps(view, ensure_ascii=False).encode()) > VIEW_BYTES_MOST:
        raise SlackError("view_too_large")
    refused = sorted({str(block.get("type")) for block in view["blocks"] if isinstance(block, dict)} & workspace.refused_blocks)
    found += [f"/blocks: unsupported type: {kind}" for kind in refused]
    if found:
        raise invalid_arguments(*(f"{what} [json-pointer:/view{at}]" for at, _, what in (each.partition(": ") for each in found)))
    content = {key: value for key, value in deepcopy(view).items() if value is not None}
    workspace.with_ids(content["blocks"])
    return content


def _unique_external_id(workspace: Workspace, content: Json, but: View | None = None) -> None:
    wanted = content.get("external_id")
    if wanted and any(view is not but and view.body.get("external_id") == wanted for view in workspace.views.values()):
        raise SlackError("duplicate_external_id")


def _place(workspace: Workspace, user: str, content: Json, *, above: View | None = None) -> View:
    view_id = workspace.next_id("V")
    view = View(view_id, user, content, workspace.secret("hash"), above.root_id if above else view_id, above.id if above else None)
    workspace.views[view_id] = view
    workspace.changed()
    return view


def open_view(workspace: Workspace, args: Json) -> Json:
    if not args.get("trigger_id"):
        raise invalid_arguments("missing required field: trigger_id")
    view = structure(args, "view", error="invalid_arguments")
    content = _content(workspace, "views.open", view, args, kinds=("modal",))
    _unique_external_id(workspace, content)
    trigger = workspace.exchange(args["trigger_id"])
    return {"view": _place(workspace, trigger.user, content).shape(workspace)}


def push_view(workspace: Workspace, args: Json) -> Json:
    if not args.get("trigger_id"):
        raise invalid_arguments("missing required field: trigger_id")
    view = structure(args, "view", error="invalid_arguments")
    content = _content(workspace, "views.push", view, args, kinds=("modal",))
    trigger = workspace.exchange(args["trigger_id"])
    below = workspace.views.get(trigger.view_id or "")
    if below is None:
        raise SlackError("not_found")
    return {"view": push(workspace, below, content).shape(workspace)}


def push(workspace: Workspace, below: View, content: Json) -> View:
    if sum(view.root_id == below.root_id for view in workspace.views.values()) >= STACK_MOST:
        raise SlackError("push_limit_reached")
    return _place(workspace, below.user, content, above=below)


def update_view(workspace: Workspace, args: Json) -> Json:
    view = workspace.views.get(str(args.get("view_id")))
    if args.get("external_id"):
        view = next((each for each in workspace.views.values() if each.body.get("external_id") == args["external_id"]), None)
    if view is None:
        raise SlackError("not_found")
    wanted = structure(args, "view", error="invalid_arguments")
    content = _content(workspace, "views.update", wanted, args, kinds=(view.body["type"],))
    if args.get("hash") and args["hash"] != view.hash:
        raise SlackError("hash_conflict")
    _unique_external_id(workspace, content, view)
    replace(workspace, view, content)
    return {"view": view.shape(workspace)}


def replace(workspace: Workspace, view: View, content: Json) -> None:
    view.body, view.hash = content, workspace.secret("hash")
    kept = {block["block_id"] for block in content["blocks"]}
    view.values = {block_id: values for block_id, values in view.values.items() if block_id in kept}
    workspace.changed()


def publish(workspace: Workspace, args: Json) -> Json:
    user = workspace.users.get(str(args["user_id"]))
    if user is None:
        raise SlackError("user_not_found")
    wanted = structure(args, "view", error="invalid_arguments")
    content = _content(workspace, "views.publish", wanted, args, kinds=("home",))
    home = next((view for view in workspace.views.values() if view.user == user.id and view.body["type"] == "home"), None)
    if home is None:
        return {"view": _place(workspace, user.id, content).shape(workspace)}
    if args.get("hash") and args["hash"] != home.hash:
        raise SlackError("hash_conflict")
    replace(workspace, home, content)
    return {"view": home.shape(workspace)}


def acknowledged(workspace: Workspace, view: View, body: Any) -> None:
    """Apply the acknowledgement of a view_submission: close, show errors, update, push or clear. Bad ones are violations."""
    action = body.get("response_action") if isinstance(body, dict) else None
    if action is None:
        close(workspace, view)
    elif action == "errors":
        known = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
        wrong = sorted(set(body.get("errors") or {}) - known)
        if wrong or not body.get("errors"):
            workspace.violate("view_submission", f"errors for blocks that are no inputs of the view: {wrong}", body)
    elif action == "clear":
        for each in [each for each in workspace.views.values() if each.root_id == view.root_id]:
            close(workspace, each)
    elif action in ("update", "push"):
        _shown_by_ack(workspace, view, body, action)
    else:
        workspace.violate("view_submission", f"unknown response_action {action!r}", body)


def _shown_by_ack(workspace: Workspace, view: View, body: Json, action: str) -> None:
    try:
        content = _content(workspace, "view_submission", body.get("view"), body, kinds=("modal",))
        if action == "update":
            replace(workspace, view, content)
        else:
            push(workspace, view, content)
    except SlackError as refused:
        workspace.violate("view_submission", f"{action} refused: {refused.code}", body)


def close(workspace: Workspace, view: View) -> None:
    workspace.views.pop(view.id, None)
    workspace.changed()


METHODS = {"views.open": open_view, "views.push": push_view, "views.update": update_view, "views.publish": publish}
