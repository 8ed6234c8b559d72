"""What may stand between a client and a service: passes requests on, or does to them what a test wants."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

KEPT = ("content-type", "retry-after", "www-authenticate")


@dataclass
class Answer:
    """An answer on its way to the client."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def say(self, told: object) -> "Answer":
        return Answer(self.status, self.headers, json.dumps(told).encode())


Before = Callable[[str, str, bytes], Answer | None]
"""(method, path, body) to an answer in the service's place; None passes the request on, a ConnectionError hangs up."""
After = Callable[[str, Answer], Answer]
"""(path, the service's answer) to what the client gets."""


@dataclass
class Between:
    """A server on loopback that passes everything on but what `before` and `after` take."""

    service: str
    prefix: str = ""
    before: Before = lambda _method, _path, _body: None
    after: After = lambda _path, answer: answer
    url: str = ""
    asked: list[str] = field(default_factory=list)
    """Paths, as they came."""

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.asked.append(path)
        if (instead := self.before(method, path, body)) is not None:
            return instead
        passed = {name: value for name, value in headers.items() if name.lower() not in {"host", "content-length"}}
        told = self.client.request(method, self.service + path.removeprefix(self.prefix), headers=passed, content=body)
        kept = {name: told.headers[name] for name in KEPT if name in told.headers}
        return self.after(path, Answer(told.status_code, kept, told.content))

    def __post_init__(self) -> None:
        self.client = httpx.Client(trust_env=False, timeout=30)


@contextmanager
def between(service: str, prefix: str = "") -> Iterator[Between]:
    """Stand before a service until the end of the block."""
    one = Between(service, prefix)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            try:
                answer = one.answer(self.command, self.path, dict(self.headers), body)
            except ConnectionError:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in {**answer.headers, "content-length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        one.url = f"http://127.0.0.1:{server.server_address[1]}{prefix}"
        try:
            yield one
        finally:
            server.shutdown()
            one.client.close()
