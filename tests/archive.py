"""A tiny Hugging Face Hub and TemplateFlow archive on this machine, for the real clients of both."""

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MAIN = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Archive:
    """Model folders by name, TemplateFlow files by path, and every request received."""

    models: dict[str, Path] = field(default_factory=dict)
    templates: dict[str, bytes] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    commit: str = MAIN
    url: str = ""

    def answer(self, path):
        """Status, headers and body of the response to a path."""
        if template := re.fullmatch(r"/templateflow/(.+)", path):
            body = self.templates.get(template[1])
            return (404, {}, b"") if body is None else (200, {}, body)
        if api := re.fullmatch(r"/api/models/(.+?)/(revision|tree)/([^/]+)(/)?", path):
            return self._about(api[1], api[2], api[3])
        if resolve := re.fullmatch(r"/(.+?)/resolve/([^/]+)/(.+)", path):
            return self._file(resolve[1], resolve[3])
        return 404, {}, b""

    def _about(self, name, query, revision):
        if name in self.gated or name not in self.models:
            code = "GatedRepo" if name in self.gated else "RepoNotFound"
            return 401, {"X-Error-Code": code}, b"{}"
        if revision not in ("main", self.commit):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        if query == "revision":
            files = [{"rfilename": path.name} for path in sorted(self.models[name].iterdir())]
            return 200, {}, json.dumps({"id": name, "sha": self.commit, "siblings": files}).encode()
        return 200, {}, json.dumps([_entry(path) for path in sorted(self.models[name].iterdir())]).encode()

    def _file(self, name, file):
        path = self.models[name] / file
        body = path.read_bytes()
        etag = hashlib.sha256(body).hexdigest() if path.suffix in (".safetensors", ".bin") else _git_hash(body)
        return 200, {"X-Repo-Commit": self.commit, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}, body


def _entry(path):
    body = path.read_bytes()
    entry = {"type": "file", "path": path.name, "size": len(body), "oid": _git_hash(body)}
    if path.suffix in (".safetensors", ".bin"):
        entry["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 134}
    return entry


def _git_hash(body):
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, archive, *arguments):
        self.archive = archive
        super().__init__(*arguments)

    def do_GET(self):
        self._send(with_body=True)

    def do_HEAD(self):
        self._send(with_body=False)

    def _send(self, with_body):
        path = self.path.partition("?")[0]
        self.archive.asked.append(f"{self.command} {path}")
        status, headers, body = self.archive.answer(path)
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def served(archive):
    """Serve an archive on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, archive))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    archive.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield archive
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
