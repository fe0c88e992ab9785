"""A small Hugging Face Hub on loopback: real HTTP, commits that are all or nothing, faults on demand.

It knows nothing of the package. Repositories live in memory: a commit is a mapping of paths to contents.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from loopback import run_server

LFS_SUFFIXES = (".parquet", ".html")
TOKEN = "hf_local"


@dataclass
class Repo:
    """One dataset repository."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    lfs: dict[str, set[str]] = field(default_factory=dict)
    head: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], lfs: set[str]) -> str:
        digest = hashlib.sha1(usedforsecurity=False)
        digest.update(f"{len(self.commits)}{self.head}".encode())
        for name in sorted(files):
            digest.update(name.encode() + hashlib.sha256(files[name]).digest())
        self.head = digest.hexdigest()
        self.commits[self.head], self.lfs[self.head] = files, lfs
        return self.head

    def resolve(self, revision: str) -> str | None:
        if revision == "main":
            return self.head
        revision = self.tags.get(revision, revision)
        return revision if revision in self.commits else None


@dataclass
class Fault:
    """A request that goes wrong: ``500`` (refused), ``drop`` (cut), ``lost`` (done, answer never sent)."""

    method: str
    path: str
    kind: str
    times: int = 1


@dataclass
class Hub:
    """The server's state, for tests to look at and to spoil."""

    repos: dict[str, Repo] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    damage: bytes = b""
    """Added to every parquet file that is given out."""
    endpoint: str = ""

    def pick_fault(self, method: str, path: str) -> str | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method == method and re.search(fault.path, path):
                fault.times -= 1
                return fault.kind
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_HEAD(self) -> None:
        self._serve("HEAD")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def _serve(self, method: str) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.log.append(f"{method} {path}")
        self.lost = False
        fault = self.hub.pick_fault(method, path)
        if fault == "drop":
            self.close_connection = True
            return
        if fault == "500":
            self._send(500, b"{}")
            return
        self.lost = fault == "lost"
        if not path.startswith("/lfs/") and self.headers.get("Authorization") not in (
            f"Bearer {TOKEN}",
            None,
        ):
            self._send(401, b"{}", {"X-Error-Code": "Unauthorized"})
            return
        self._route(method, path, parse_qs(parts.query), body)

    def _route(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> None:
        if path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif path == "/api/whoami-v2":
            self._json({"name": "tester", "type": "user", "orgs": [{"name": "lab"}]})
        elif m := re.fullmatch(r"/datasets/(.+?)\.git/info/lfs/objects/batch", path):
            self._batch(json.loads(body))
        elif path.startswith("/lfs/"):
            self.hub.objects[path.removeprefix("/lfs/")] = body
            self._send(200, b"")
        elif m := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(method, *m.groups())
        elif m := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(?:/(.*))?", path):
            self._api(method, m[1], m[2] or "", query, body)
        else:
            self._json({"error": f"no such route {path}"}, 404)

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked.get('organization') or 'tester'}/{asked['name']}"
        if self.headers.get("Authorization") is None:
            self._json({"error": "log in"}, 401)
        elif name.startswith("forbidden/"):
            self._json({"error": "no rights"}, 403)
        elif name in self.hub.repos:
            self._json(
                {
                    "error": "You already created this dataset repo",
                    "url": f"{self.hub.endpoint}/datasets/{name}",
                },
                409,
            )
        else:
            repo = self.hub.repos[name] = Repo(
                bool(asked.get("private")) or asked.get("visibility") == "private"
            )
            repo.commit({".gitattributes": b"*.parquet filter=lfs\n"}, set())
            self._json({"url": f"{self.hub.endpoint}/datasets/{name}", "id": name})

    def _api(self, method: str, name: str, rest: str, query: dict[str, list[str]], body: bytes) -> None:
        repo = self.hub.repos.get(name)
        if repo is None:
            self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
            return
        verb, _, tail = rest.partition("/")
        if verb in ("", "revision"):
            self._info(name, repo, tail or "main")
        elif verb == "preupload":
            files = [
                {"path": f["path"], "uploadMode": _mode(f["path"]), "shouldIgnore": False, "oid": None}
                for f in json.loads(body)["files"]
            ]
            self._json({"files": files})
        elif verb == "commit":
            self._commit(repo, name, body)
        elif verb == "tree":
            revision, _, under = tail.partition("/")
            self._tree(
                repo, revision, under, recursive=query.get("recursive", ["false"])[0].lower() in ("true", "1")
            )
        elif verb == "paths-info":
            asked = dict(parse_qs(body.decode())) if not body.startswith(b"{") else json.loads(body)
            self._paths(repo, tail, asked["paths"])
        elif verb == "tag":
            repo.tags[json.loads(body)["tag"]] = str(repo.resolve(tail))
            self._json({})
        elif verb == "refs":
            refs = [{"name": t, "ref": f"refs/tags/{t}", "targetCommit": c} for t, c in repo.tags.items()]
            main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo.head}
            self._json({"branches": [main], "converts": [], "tags": refs, "pullRequests": []})
        else:
            self._json({"error": f"no such route {rest}"}, 404)

    def _info(self, name: str, repo: Repo, revision: str) -> None:
        commit = repo.resolve(revision)
        if commit is None:
            self._json({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
            return
        self._json(
            {
                "_id": "1",
                "id": name,
                "sha": commit,
                "private": repo.private,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": [{"rfilename": n} for n in sorted(repo.commits[commit])],
            }
        )

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = []
        for o in asked["objects"]:
            found: dict[str, Any] = {"oid": o["oid"], "size": o["size"]}
            if o["oid"] not in self.hub.objects:
                found["actions"] = {"upload": {"href": f"{self.hub.endpoint}/lfs/{o['oid']}", "header": {}}}
            objects.append(found)
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, repo: Repo, name: str, body: bytes) -> None:
        files, lfs = dict(repo.commits[repo.head]), set(repo.lfs[repo.head])
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header" and value.get("parentCommit") not in (None, repo.head):
                self._json({"error": "conflict"}, 412)
                return
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                if value["oid"] not in self.hub.objects:
                    self._json({"error": "lfs object missing"}, 400)
                    return
                files[value["path"]] = self.hub.objects[value["oid"]]
                lfs.add(value["path"])
            elif entry["key"] == "deletedFile":
                files.pop(value["path"], None)
        oid = repo.commit(files, lfs)
        url = f"{self.hub.endpoint}/datasets/{name}/commit/{oid}"
        self._json({"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})

    def _entry(self, repo: Repo, commit: str, path: str) -> dict[str, Any]:
        data = repo.commits[commit][path]
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        entry: dict[str, Any] = {"type": "file", "path": path, "oid": blob, "size": len(data)}
        if path in repo.lfs[commit]:
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return entry

    def _tree(self, repo: Repo, revision: str, under: str, *, recursive: bool) -> None:
        commit = repo.resolve(revision)
        if commit is None:
            self._json({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
            return
        start = f"{under}/" if under else ""
        inside = [p for p in sorted(repo.commits[commit]) if p.startswith(start)]
        if under and not inside:
            self._json({"error": "not found"}, 404, {"X-Error-Code": "EntryNotFound"})
            return
        folders = {p[:i] for p in inside for i in range(len(start), len(p)) if p[i] == "/"}
        entries = [self._entry(repo, commit, p) for p in inside]
        entries += [{"type": "directory", "path": f, "oid": "0" * 40, "size": 0} for f in sorted(folders)]
        if not recursive:
            entries = [e for e in entries if "/" not in e["path"].removeprefix(start)]
        self._json(entries)

    def _paths(self, repo: Repo, revision: str, paths: list[str]) -> None:
        commit = str(repo.resolve(revision))
        there = repo.commits[commit]
        out = [self._entry(repo, commit, p) for p in paths if p in there]
        out += [
            {"type": "directory", "path": p, "oid": "0" * 40, "size": 0}
            for p in paths
            if p not in there and any(n.startswith(f"{p}/") for n in there)
        ]
        self._json(out)

    def _resolve(self, method: str, name: str, revision: str, path: str) -> None:
        repo = self.hub.repos.get(name)
        commit = repo.resolve(revision) if repo else None
        if repo is None or commit is None:
            code = "RepoNotFound" if repo is None else "RevisionNotFound"
            self._send(404, b"", {"X-Error-Code": code})
            return
        if path not in repo.commits[commit]:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            return
        data = repo.commits[commit][path]
        etag = hashlib.sha256(data).hexdigest()
        if path.endswith(".parquet"):
            data += self.hub.damage
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        status = 200
        if m := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            first, last = int(m[1]), int(m[2] or len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"
            data, status = data[first : last + 1], 206
        self._send(status, data, headers, head=method == "HEAD")

    def _json(self, data: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(data).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(
        self, status: int, data: bytes, headers: dict[str, str] | None = None, head: bool = False
    ) -> None:
        if self.lost:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not head and self.command != "HEAD":
            self.wfile.write(data)


def _mode(path: str) -> str:
    return "lfs" if path.endswith(LFS_SUFFIXES) else "regular"


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """Run a hub on a free port for as long as the block lasts."""
    hub = Hub()
    handler = type("BoundHandler", (Handler,), {"hub": hub})
    with run_server(handler) as hub.endpoint:
        yield hub
