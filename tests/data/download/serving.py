"""A server on this machine that behaves, or misbehaves, like Zenodo and the model hub."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


@dataclass
class Behaviour:
    """What the server holds, how it fails, and what it was asked.

    Attributes:
        files: content by path.
        ranges: whether requests for a part are honoured.
        cuts: how many answers to cut in the middle before behaving.
        failures: how many requests to answer with ``status`` before behaving.
        status: see ``failures``.
        commit: header that the model hub sends, if set.
        redirects: where to send those who ask for a path.
        requests: method, path and Range header of each request.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cuts: int = 0
    failures: int = 0
    status: int = 503
    commit: str = ""
    redirects: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    base: str = ""

    def publish(self, record: str, files: dict[str, bytes], **changes: Any) -> None:
        """Make a Zenodo record of files; ``changes`` overwrite what it says of each."""
        entries = []
        for name, content in files.items():
            path = f"/api/records/{record}/files/{name}/content"
            self.files[path] = content
            says = {
                "key": name,
                "size": len(content),
                "checksum": f"md5:{hashlib.md5(content).hexdigest()}",
            }
            entries.append(says | {"links": {"self": self.base + path}} | changes)
        answer = {"id": int(record), "metadata": {"license": {"id": "cc-by-4.0"}}, "files": entries}
        self.files[f"/api/records/{record}"] = json.dumps(answer).encode()

    @property
    def gets(self) -> list[tuple[str, str]]:
        """Path and Range of every GET request."""
        return [(path, part) for method, path, part in self.requests if method == "GET"]


class Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        wanted = self.headers.get("Range", "")
        here, path = self.behaviour, unquote(self.path)
        here.requests.append((self.command, path, wanted))
        if here.failures:
            here.failures -= 1
            return self.send_error(here.status)
        if path in here.redirects:
            self.send_response(302)
            self.send_header("Location", here.redirects[path])
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if path not in here.files:
            return self.send_error(404)
        content, start = here.files[path], 0
        if wanted and here.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        if here.commit:
            self.send_header("X-Repo-Commit", here.commit)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.end_headers()
        rest = content[start:]
        if body and here.cuts:
            here.cuts -= 1
            self.wfile.write(rest[: len(rest) // 2])
            self.close_connection = True
        elif body:
            self.wfile.write(rest)
        return None


@contextlib.contextmanager
def local_server() -> Iterator[Behaviour]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    behaviour = Behaviour()
    handler = type("Served", (Handler,), {"behaviour": behaviour})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    behaviour.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield behaviour
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
