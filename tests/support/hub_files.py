"""The addresses of the loopback Hub for files: listings, downloads, uploads and commits."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qs

from tests.support.hub_routes import PAGE, Answer, Request, as_json, entry, refusal, route
from tests.support.hub_store import BINARY, LARGE, Commit, RefusedError, Repo


def last_change(repo: Repo, commit: Commit, path: str) -> dict[str, str]:
    """The newest commit in which a path became what it is."""
    line = repo.history(commit.sha)
    then = commit
    for older in line[1:]:
        if older.files.get(path) != commit.files.get(path):
            break
        then = older
    return {"id": then.sha, "title": then.title, "date": then.date}


def entries(repo: Repo, commit: Commit, folder: str, recursive: bool, expand: bool) -> list[dict[str, Any]]:
    prefix = f"{folder}/" if folder else ""
    found: dict[str, dict[str, Any]] = {}
    for path, blob in sorted(commit.files.items()):
        if not path.startswith(prefix):
            continue
        inner = path.removeprefix(prefix).split("/")
        for depth in range(1, len(inner) if recursive else min(len(inner), 2)):
            name = prefix + "/".join(inner[:depth])
            found.setdefault(name, {"type": "directory", "path": name, "oid": "0" * 40, "size": 0})
        if recursive or len(inner) == 1:
            found[path] = entry(path, blob)
            if expand:
                found[path] |= {"lastCommit": last_change(repo, commit, path)}
    if folder and not found:
        raise RefusedError(404, f"{folder} does not exist", "EntryNotFound")
    return list(found.values())


@route("GET", "/api/{KIND}/{ID}/tree/{REV}")
@route("GET", "/api/{KIND}/{ID}/tree/{REV}/(?P<folder>.*)")
def tree(request: Request, match: dict[str, str]) -> Answer:
    repo, query = request.repo(match), request.query
    commit = repo.resolve(match["rev"])
    yes = {name: query.get(name, "").lower() in ("true", "1") for name in ("recursive", "expand")}
    listed = entries(repo, commit, match.get("folder", ""), yes["recursive"], yes["expand"])
    start, size = int(query.get("cursor", 0)), min(int(query.get("limit", PAGE)), PAGE)
    reply = as_json(listed[start : start + size])
    if start + size < len(listed):
        more = "&".join(f"{name}={value}" for name, value in query.items() if name != "cursor")
        address = f"{request.endpoint}{request.path}?{more}&cursor={start + size}"
        reply.headers["Link"] = f'<{address}>; rel="next"'
    return reply


@route("POST", "/api/{KIND}/{ID}/paths-info/{REV}")
def paths_info(request: Request, match: dict[str, str]) -> Answer:
    repo = request.repo(match)
    commit = repo.resolve(match["rev"])
    if request.body[:1] == b"{":
        wanted, expand = request.json()["paths"], bool(request.json().get("expand"))
    else:
        form = parse_qs(request.body.decode())
        wanted, expand = form.get("paths", []), form.get("expand", ["false"])[0].lower() == "true"
    every = {item["path"]: item for item in entries(repo, commit, "", True, expand)}
    return as_json([every[path.strip("/")] for path in wanted if path.strip("/") in every])


@route("GET", "/api/{KIND}/{ID}/leaderboard")
def leaderboard(request: Request, match: dict[str, str]) -> Answer:
    board = request.repo(match).board
    if not board:
        raise RefusedError(404, "This dataset does not have a leaderboard")
    return as_json(board)


@route("GET", "/api/{KIND}/{ID}/commits/{REV}")
def commits(request: Request, match: dict[str, str]) -> Answer:
    line = request.repo(match).history(match["rev"])
    return as_json(
        [
            {
                "id": commit.sha,
                "title": commit.title,
                "message": commit.message,
                "date": commit.date,
                "authors": [{"user": commit.author}],
            }
            for commit in line
        ]
    )


@route("HEAD GET", "/{REPO}/resolve/{REV}/(?P<path>.+)")
def resolve(request: Request, match: dict[str, str]) -> Answer:
    repo = request.repo(match)
    commit = repo.resolve(match["rev"])
    told = {"X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
    blob = commit.files.get(match["path"])
    if blob is None:
        missing = refusal(RefusedError(404, "Entry not found", "EntryNotFound"))
        missing.headers |= told
        return missing
    if blob.lfs:
        told |= {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.data))}
        return Answer(302, b"", {**told, "Location": f"{request.storage}/objects/{blob.sha256}", "ETag": '"moved"'})
    return with_range(request, blob.data, {**told, "ETag": f'"{blob.oid}"', "Content-Type": "text/plain"})


def with_range(request: Request, data: bytes, headers: dict[str, str]) -> Answer:
    """The whole of some bytes, or the single range that was asked for."""
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    if not asked or asked.groups() == ("", ""):
        return Answer(200, data, headers)
    first, last = asked.groups()
    start = int(first) if first else max(len(data) - int(last), 0)
    stop = min(int(last) + 1, len(data)) if first and last else len(data)
    if start >= stop:
        return Answer(416, b"", {**headers, "Content-Range": f"bytes */{len(data)}"})
    return Answer(206, data[start:stop], {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"})


@route("POST", "/api/{KIND}/{ID}/preupload/{REV}")
def preupload(request: Request, match: dict[str, str]) -> Answer:
    repo = request.repo(match, write="create_pr" not in request.query)
    present = repo.resolve(match["rev"]).files
    told = []
    for item in request.json()["files"]:
        large = item["size"] > LARGE or item["path"].endswith(BINARY) or b"\0" in base64.b64decode(item["sample"])
        value = {"path": item["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
        if blob := present.get(item["path"]):
            value["oid"] = blob.sha256 if blob.lfs else blob.oid
        told.append(value)
    return as_json({"files": told})


@route("POST", "/{REPO}.git/info/lfs/objects/batch")
def lfs_batch(request: Request, match: dict[str, str]) -> Answer:
    wanted = request.json()
    request.repo(match, write="ref" in wanted)
    if request.user is None:
        raise RefusedError(401, "Invalid username or password.")
    objects = []
    for item in wanted["objects"]:
        value = dict(item)
        if item["oid"] not in request.store.large:
            where = f"{request.storage}/objects/{item['oid']}"
            value["actions"] = {"upload": {"href": where}, "verify": {"href": f"{request.endpoint}/lfs-verify"}}
        objects.append(value)
    return as_json({"transfer": "basic", "objects": objects})


@route("POST", "/lfs-verify")
def lfs_verify(request: Request, _: dict[str, str]) -> Answer:
    wanted = request.json()
    stored = request.store.large.get(wanted["oid"])
    if stored is None or len(stored) != wanted["size"]:
        raise RefusedError(404, "Object not found")
    return as_json({})


@route("POST", "/api/{KIND}/{ID}/commit/{REV}")
def commit(request: Request, match: dict[str, str]) -> Answer:
    create_pr = "create_pr" in request.query
    repo = request.repo(match, write=not create_pr)
    if request.user is None:
        raise RefusedError(401, "Invalid username or password.")
    lines = [json.loads(line) for line in request.body.splitlines() if line]
    done, num = request.store.commit(repo, request.user, match["rev"], lines, create_pr)
    url = f"{request.endpoint}/{'' if repo.kind == 'model' else repo.kind + 's/'}{repo.id}"
    value = {"success": True, "commitOid": done.sha, "commitUrl": f"{url}/commit/{done.sha}", "hookOutput": ""}
    return as_json({**value, "pullRequestUrl": f"{url}/discussions/{num}"} if num else value)
