"""How the loopback Hub finds what answers a request, and the addresses of accounts, repos and refs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import yaml

from tests.support.hub_store import Blob, RefusedError, Repo, Store, User, now

PAGE = 50
"""Entries on one page of a listing: few, so that clients have to turn pages."""


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    user: User | None
    store: Store
    endpoint: str
    storage: str
    headers: dict[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def repo(self, match: dict[str, str], *, write: bool = False) -> Repo:
        find = self.store.writable if write else self.store.readable
        return find(match["kind"].removesuffix("s") or "model", match["id"], self.user)


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


def refusal(refused: RefusedError) -> Answer:
    answer = as_json({"error": refused.message}, refused.status)
    answer.headers["X-Error-Message"] = refused.message
    if refused.code:
        answer.headers["X-Error-Code"] = refused.code
    return answer


Route = Callable[[Request, dict[str, str]], Answer]
ROUTES: list[tuple[str, re.Pattern[str], Route]] = []
NAMES = {
    "KIND": r"(?P<kind>models|datasets|spaces)",
    "ID": r"(?P<id>[\w.-]+/[\w.-]+)",
    "REV": r"(?P<rev>[^/]+)",
    "REPO": r"(?P<kind>datasets/|spaces/|)(?P<id>[\w.-]+/[\w.-]+)",
    "NUM": r"(?P<num>\d+)",
}


def route(methods: str, pattern: str) -> Callable[[Route], Route]:
    """Register a function for the methods and an address, in which {NAMES} stand for their patterns."""
    compiled = re.compile(pattern.format(**NAMES))

    def register(function: Route) -> Route:
        ROUTES.extend((method, compiled, function) for method in methods.split())
        return function

    return register


def answer(request: Request) -> Answer:
    for method, pattern, function in ROUTES:
        if method == request.method and (match := pattern.fullmatch(request.path)):
            found = {name: unquote(value) for name, value in match.groupdict(default="").items()}
            if "kind" in found:
                found["kind"] = found["kind"].rstrip("/")
            try:
                with request.store.lock:
                    return function(request, found)
            except RefusedError as refused:
                return refusal(refused)
    return refusal(RefusedError(404, f"no such address: {request.method} {request.path}"))


@route("GET", "/api/whoami-v2")
def whoami(request: Request, _: dict[str, str]) -> Answer:
    if request.user is None:
        raise RefusedError(401, "Invalid username or password.")
    orgs = [{"type": "org", "name": org} for org in request.user.orgs]
    role = "write" if request.user.writes else "read"
    return as_json(
        {
            "type": "user",
            "name": request.user.name,
            "fullname": request.user.name.title(),
            "orgs": orgs,
            "auth": {"type": "access_token", "accessToken": {"displayName": "test", "role": role}},
        }
    )


@route("GET", "/api/users/(?P<name>[^/]+)/overview")
def overview(request: Request, match: dict[str, str]) -> Answer:
    user = next((one for one in request.store.users if one.name == match["name"]), None)
    if user is None:
        raise RefusedError(404, "User not found")
    orgs = [{"avatarUrl": "", "name": org, "fullname": org.title()} for org in user.orgs if org not in user.hidden]
    return as_json({"user": user.name, "fullname": user.name.title(), "avatarUrl": "", "type": "user", "orgs": orgs})


@route("GET", "/api/organizations/(?P<name>[^/]+)/members")
def members(request: Request, match: dict[str, str]) -> Answer:
    found = sorted({one.name for one in request.store.users if match["name"] in one.orgs})
    if not found:
        raise RefusedError(404, "Organization not found")
    return as_json([{"user": name, "fullname": name.title(), "avatarUrl": "", "type": "user"} for name in found])


@route("POST", "/api/repos/create")
def create(request: Request, _: dict[str, str]) -> Answer:
    wanted = request.json()
    kind = wanted.get("type") or "model"
    namespace = wanted.get("organization") or (request.user.name if request.user else "")
    repo_id = f"{namespace}/{wanted['name']}"
    private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
    url = f"{request.endpoint}/{'' if kind == 'model' else kind + 's/'}{repo_id}"
    try:
        repo = request.store.create(request.user, kind, repo_id, private, wanted.get("sdk"))
    except RefusedError as refused:
        if refused.status != 409:
            raise
        return as_json({"error": refused.message, "url": url}, 409)
    for name in ("variables", "secrets"):
        for item in wanted.get(name) or []:
            getattr(repo, name)[item["key"]] = {**item, "updatedAt": now()}
    return as_json({"url": url, "name": repo_id, "id": repo_id})


@route("DELETE", "/api/repos/delete")
def delete(request: Request, _: dict[str, str]) -> Answer:
    wanted = request.json()
    kind, repo_id = wanted.get("type") or "model", f"{wanted.get('organization')}/{wanted['name']}"
    request.store.writable(kind, repo_id, request.user)
    del request.store.repos[kind, repo_id]
    return Answer()


def front_matter(text: str) -> dict[str, Any]:
    match = re.match(r"---\n(.*?\n)---(\n|$)", text, re.DOTALL)
    return yaml.safe_load(match[1]) or {} if match else {}


@route("POST", "/api/validate-yaml")
def validate_yaml(request: Request, _: dict[str, str]) -> Answer:
    try:
        front_matter(request.json()["content"])
    except yaml.YAMLError as error:
        return as_json({"errors": [{"message": f"bad YAML: {error}"}], "warnings": []}, 400)
    return as_json({"errors": [], "warnings": []})


@route("GET", "/api/{KIND}/{ID}")
@route("GET", "/api/{KIND}/{ID}/revision/{REV}")
def info(request: Request, match: dict[str, str]) -> Answer:
    repo = request.repo(match)
    commit = repo.resolve(match.get("rev") or "main")
    with_blobs = request.query.get("blobs") == "True" or request.query.get("blobs") == "true"
    siblings = [{"rfilename": path, **(entry(path, blob) if with_blobs else {})} for path, blob in commit.files.items()]
    card = commit.files.get("README.md")
    value = {
        "_id": repo.id.encode().hex()[:24],
        "id": repo.id,
        "author": repo.id.split("/")[0],
        "sha": commit.sha,
        "lastModified": commit.date,
        "createdAt": repo.created,
        "private": repo.private,
        "gated": False,
        "disabled": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "siblings": siblings,
        "cardData": front_matter(card.data.decode()) if card else {},
    }
    if repo.kind == "space":
        value |= {"sdk": repo.sdk, "host": f"https://{repo.id.replace('/', '-')}.hf.space", "runtime": runtime_of(repo)}
    return as_json(value)


@route("GET", "/api/{KIND}/{ID}/refs")
def refs(request: Request, match: dict[str, str]) -> Answer:
    groups: dict[str, list[dict[str, str]]] = {"branches": [], "converts": [], "tags": [], "pullRequests": []}
    places = {"refs/heads/": "branches", "refs/tags/": "tags", "refs/pr/": "pullRequests"}
    for ref, sha in request.repo(match).refs.items():
        prefix = next(prefix for prefix in places if ref.startswith(prefix))
        groups[places[prefix]].append({"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": sha})
    if "include_prs" not in request.query:
        del groups["pullRequests"]
    return as_json(groups)


@route("POST", "/api/{KIND}/{ID}/tag/{REV}")
def tag(request: Request, match: dict[str, str]) -> Answer:
    repo, wanted = request.repo(match, write=True), request.json()
    if f"refs/tags/{wanted['tag']}" in repo.refs:
        raise RefusedError(409, f"Tag {wanted['tag']} already exists")
    repo.refs[f"refs/tags/{wanted['tag']}"] = repo.resolve(match["rev"]).sha
    return Answer()


@route("DELETE", "/api/{KIND}/{ID}/tag/{REV}")
def untag(request: Request, match: dict[str, str]) -> Answer:
    if request.repo(match, write=True).refs.pop(f"refs/tags/{match['rev']}", None) is None:
        raise RefusedError(404, "Tag not found", "RevisionNotFound")
    return Answer()


@route("POST", "/api/{KIND}/{ID}/branch/{REV}")
def branch(request: Request, match: dict[str, str]) -> Answer:
    repo = request.repo(match, write=True)
    if f"refs/heads/{match['rev']}" in repo.refs:
        raise RefusedError(409, "Reference already exists")
    repo.refs[f"refs/heads/{match['rev']}"] = repo.resolve(request.json().get("startingPoint") or "main").sha
    return Answer()


def entry(path: str, blob: Blob) -> dict[str, Any]:
    value: dict[str, Any] = {"type": "file", "path": path, "oid": blob.oid, "blobId": blob.oid, "size": len(blob.data)}
    if blob.lfs:
        size = {"size": len(blob.data), "pointerSize": len(blob.pointer)}
        value["lfs"] = {"oid": blob.sha256, "sha256": blob.sha256, **size}
    return value


def runtime_of(repo: Repo) -> dict[str, Any]:
    hardware = {"current": "cpu-basic", "requested": "cpu-basic"}
    return {"stage": "RUNNING", "hardware": hardware, "storage": None, "gcTimeout": 172800}
