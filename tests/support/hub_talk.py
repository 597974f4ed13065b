"""The addresses of the loopback Hub for discussions, pull requests and Space settings."""

from __future__ import annotations

from typing import Any

from tests.support.hub_routes import PAGE, Answer, Request, as_json, route, runtime_of
from tests.support.hub_store import Discussion, RefusedError, Repo, now


def told(repo: Repo, discussion: Discussion) -> dict[str, Any]:
    return {
        "num": discussion.num,
        "title": discussion.title,
        "author": {"name": discussion.author},
        "createdAt": discussion.date,
        "status": discussion.status,
        "isPullRequest": discussion.is_pr,
        "repo": {"name": repo.id, "type": repo.kind},
    }


@route("GET", "/api/{KIND}/{ID}/discussions")
def discussions(request: Request, match: dict[str, str]) -> Answer:
    repo, query = request.repo(match), request.query
    kind, status, author = query.get("type", "all"), query.get("status", "all"), query.get("author")
    chosen = [
        told(repo, discussion)
        for discussion in reversed(repo.discussions)
        if kind in ("all", "pull_request" if discussion.is_pr else "discussion")
        and (status == "all" or (status == "open") == (discussion.status in ("open", "draft")))
        and author in (None, discussion.author)
    ]
    start = int(query.get("p", 0)) * PAGE
    return as_json({"discussions": chosen[start : start + PAGE], "count": len(chosen), "start": start})


@route("POST", "/api/{KIND}/{ID}/discussions")
def discuss(request: Request, match: dict[str, str]) -> Answer:
    repo, wanted = request.repo(match), request.json()
    if request.user is None:
        raise RefusedError(401, "Invalid username or password.")
    base = repo.head if wanted.get("pullRequest") else None
    opened = repo.open_discussion(wanted["title"], request.user.name, wanted["description"], base)
    return as_json({"num": opened.num, "pullRequest": opened.is_pr})


@route("GET", "/api/{KIND}/{ID}/discussions/{NUM}")
def discussion(request: Request, match: dict[str, str]) -> Answer:
    repo = request.repo(match)
    found = repo.discussion(int(match["num"]))
    said = [(found.author, found.description), *found.comments]
    events = [
        {
            "id": f"{found.num}-{index}",
            "type": "comment",
            "createdAt": found.date,
            "author": {"name": author},
            "data": {"edited": False, "hidden": False, "latest": {"raw": text, "updatedAt": found.date}},
        }
        for index, (author, text) in enumerate(said)
    ]
    value = {**told(repo, found), "events": events}
    if found.is_pr:
        changes = {"base": "refs/heads/main", "mergeCommitId": found.merge_commit}
        value |= {"changes": changes, "filesWithConflicts": [], "diff": ""}
    return as_json(value)


@route("POST", "/api/{KIND}/{ID}/discussions/{NUM}/(?P<what>comment|merge|status)")
def change_discussion(request: Request, match: dict[str, str]) -> Answer:
    repo = request.repo(match, write=match["what"] != "comment")
    if request.user is None:
        raise RefusedError(401, "Invalid username or password.")
    found, wanted = repo.discussion(int(match["num"])), request.json() or {}
    if match["what"] == "merge":
        repo.merge(found.num, request.user.name)
    elif match["what"] == "status":
        found.status = wanted["status"]
    if text := wanted.get("comment"):
        found.comments.append((request.user.name, text))
    who = {"name": request.user.name}
    data = {"edited": False, "hidden": False, "latest": {"raw": wanted.get("comment", ""), "updatedAt": now()}}
    event = {"id": f"{found.num}-{now()}", "createdAt": now(), "author": who, "data": data}
    if match["what"] == "status":
        return as_json({"newStatus": {**event, "type": "status-change", "data": {"status": found.status}}})
    return as_json({"newMessage": {**event, "type": "comment"}})


@route("GET POST DELETE", "/api/(?P<kind>spaces)/{ID}/(?P<what>variables|secrets)")
def settings(request: Request, match: dict[str, str]) -> Answer:
    repo = request.repo(match, write=True)
    kept: dict[str, dict[str, str]] = getattr(repo, match["what"])
    if request.method != "GET":
        wanted = request.json()
        kept.pop(wanted["key"], None)
        if request.method == "POST":
            kept[wanted["key"]] = {**wanted, "updatedAt": now()}
    shown = {key: {name: text for name, text in item.items() if name != "key"} for key, item in kept.items()}
    if match["what"] == "secrets":
        shown = {key: {name: text for name, text in item.items() if name != "value"} for key, item in shown.items()}
    return as_json(shown)


@route("GET", "/api/(?P<kind>spaces)/{ID}/runtime")
@route("POST", "/api/(?P<kind>spaces)/{ID}/restart")
def runtime(request: Request, match: dict[str, str]) -> Answer:
    return as_json(runtime_of(request.repo(match, write=request.method == "POST")))


@route("HEAD GET POST", "/api/telemetry.*")
def telemetry(request: Request, _: dict[str, str]) -> Answer:
    return Answer()
