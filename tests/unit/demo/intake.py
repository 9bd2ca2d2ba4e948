"""A stand-in for the intake: a small HTTP server that keeps what is posted to it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Intake:
    """`posts` are (path, document) in the order they came; the first `refuse` of them are answered 503 and not kept."""

    def __init__(self, *, token: str, refuse: int = 0) -> None:
        self.token, self.refuse = token, refuse
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.strangers = 0
        self.url = ""

    def of(self, path: str) -> list[dict[str, Any]]:
        return [document for posted, document in list(self.posts) if posted == path]

    @property
    def changes(self) -> list[dict[str, Any]]:
        return self.of("/webhooks/changes")

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return self.of("/webhooks/alertmanager")


@contextmanager
def running(*, token: str = "demo-token", refuse: int = 0) -> Iterator[Intake]:
    intake = Intake(token=token, refuse=refuse)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = 202
            if self.headers.get("authorization") != f"Bearer {intake.token}":
                intake.strangers, status = intake.strangers + 1, 401
            elif intake.refuse > 0:
                intake.refuse, status = intake.refuse - 1, 503
            else:
                intake.posts.append((self.path, json.loads(body)))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    intake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield intake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    with running() as fake:
        print(fake.url, flush=True)
        shown = 0
        while True:
            time.sleep(0.2)
            for path, document in fake.posts[shown:]:
                print(time.strftime("%H:%M:%S"), path, json.dumps(document)[:1500], flush=True)
            shown = len(fake.posts)
