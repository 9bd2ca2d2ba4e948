"""auth.test, users.*, usergroups.*, team.info, bots.info: who is who."""

from __future__ import annotations

from .arguments import flag, page
from .state import HOME_TEAM, Json, SlackError, Workspace


def auth_test(workspace: Workspace, args: Json) -> Json:
    me = workspace.users[workspace.bot_user]
    shape = {"url": "https://fake.slack.com/", "team": "Fake", "team_id": HOME_TEAM, "user": me.name, "user_id": me.id}
    return shape | {"bot_id": workspace.bot_id, "is_enterprise_install": False}


def user_info(workspace: Workspace, args: Json) -> Json:
    user = workspace.users.get(str(args["user"]))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user.shape()}


def user_list(workspace: Workspace, args: Json) -> Json:
    known = [user for user in workspace.users.values() if user.kind != "stranger"]
    some, cursor = page(args, known)
    return {
        "members": [user.shape() for user in some],
        "cache_ts": int(workspace.now()),
        "response_metadata": {"next_cursor": cursor},
    }


def by_email(workspace: Workspace, args: Json) -> Json:
    wanted = str(args["email"]).lower()
    for user in workspace.users.values():
        if user.email.lower() == wanted and user.kind != "deleted" and user.is_home:
            return {"user": user.shape()}
    raise SlackError("users_not_found")


def _paid(workspace: Workspace) -> None:
    if workspace.plan == "free":
        raise SlackError("plan_upgrade_required")


def group_list(workspace: Workspace, args: Json) -> Json:
    _paid(workspace)
    shown = [group for group in workspace.usergroups.values() if group["date_delete"] == 0 or flag(args, "include_disabled")]
    hidden = () if flag(args, "include_users") else ("users",)
    return {"usergroups": [{key: value for key, value in group.items() if key not in hidden} for group in shown]}


def group_users(workspace: Workspace, args: Json) -> Json:
    _paid(workspace)
    group = workspace.usergroups.get(str(args["usergroup"]))
    if group is None or (group["date_delete"] and not flag(args, "include_disabled")):
        raise SlackError("no_such_subteam")
    return {"users": list(group["users"])}


def team_info(workspace: Workspace, args: Json) -> Json:
    return {"team": {"id": HOME_TEAM, "name": "Fake", "domain": "fake", "url": "https://fake.slack.com/"}}


def bot_info(workspace: Workspace, args: Json) -> Json:
    if args.get("bot") != workspace.bot_id:
        raise SlackError("bot_not_found")
    me = workspace.users[workspace.bot_user]
    return {
        "bot": {
            "id": workspace.bot_id,
            "app_id": workspace.app_id,
            "name": me.name,
            "user_id": me.id,
            "deleted": False,
            "updated": 0,
        }
    }


METHODS = {
    "auth.test": auth_test,
    "users.info": user_info,
    "users.list": user_list,
    "users.lookupByEmail": by_email,
    "usergroups.list": group_list,
    "usergroups.users.list": group_users,
    "team.info": team_info,
    "bots.info": bot_info,
}
