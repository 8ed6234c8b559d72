"""Spans of requests, where the environment asks for them."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from serving.catalogue import Catalogue, Model
from serving.http import tracing
from serving.http.access_log import AccessLog
from serving.http.api import Api
from serving.http.messages import Asgi
from serving.http.tracing import Tracing, TracingUnusable, exporters, trace_id, wanted
from serving.settings import Settings, find_models

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


async def inner(scope: Any, receive: Any, send: Any) -> None:
    """BentoML's application as far as it is asked: the lifespan."""
    assert scope["type"] == "lifespan"
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


def end(app: Asgi) -> None:
    """Start and end the application as a server does."""

    async def go() -> None:
        async def receive() -> Any:
            return {"type": "of no interest"}

        async def send(_message: Any) -> None:
            """Nobody asked."""

        await app({"type": "lifespan"}, receive, send)

    asyncio.run(go())


def ask(app: Asgi, method: str, url: str, **options: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            return await client.request(method, url, **options)

    return asyncio.run(go())


class Traced:
    """An application with traces, which keeps them."""

    def __init__(self, model: Model, log: Path) -> None:
        self.kept = InMemorySpanExporter()
        traces = tracing.start([self.kept])
        counts = traces.meter(None, 0)
        settings = Settings(models=find_models(), model="convnet")
        self._file = log.open("wb")
        access_log = AccessLog("all", counts, stream=self._file.fileno(), trace=trace_id)
        self.api = Api(inner, Catalogue({"convnet": model}, {}), settings, counts, access_log)
        self.app = traces.traced(self.api, self.api.route_of)

    def spans(self) -> Sequence[ReadableSpan]:
        """All there were, in the order of their ends. Ends the application."""
        end(self.app)
        self._file.close()
        return self.kept.get_finished_spans()


@pytest.fixture
def traced(model: Model, tmp_path: Path) -> Traced:
    return Traced(model, tmp_path / "log")


def test_a_request_is_a_span_with_its_parts_below_it(traced: Traced, digits: list[bytes]) -> None:
    began = time.time_ns()
    assert ask(traced.app, "POST", "/predict?top=1", files=[("file", ("7.png", digits[7]))] * 2).status_code == 200
    ended = time.time_ns()
    read, infer, request = traced.spans()
    assert [span.name for span in (read, infer, request)] == ["read", "infer", "POST /predict"]
    assert request.kind is SpanKind.SERVER
    assert request.parent is None
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST", "http.route": "/predict", "url.path": "/predict", "url.scheme": "http",
        "client.address": "127.0.0.1", "http.response.status_code": 200,
    }  # fmt: skip
    for part in (read, infer):
        assert part.parent is not None
        assert (part.parent.span_id, part.context.trace_id) == (request.context.span_id, request.context.trace_id)
    assert dict(read.attributes or {}) == {"digits.files": 2}
    assert dict(infer.attributes or {}) == {"digits.model": "convnet", "digits.files": 2}
    times = [request.start_time, read.start_time, read.end_time, infer.start_time, infer.end_time, request.end_time]
    assert times == sorted(times)
    assert began <= times[0] <= times[-1] <= ended
    assert request.resource.attributes["service.name"] == "digits"


def test_a_callers_trace_is_gone_on_with(traced: Traced) -> None:
    ask(traced.app, "GET", "/models", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    ask(traced.app, "GET", "/models", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    ask(traced.app, "GET", "/models", headers={"traceparent": "nonsense"})
    first, last = traced.spans()
    assert first.parent is not None
    assert (f"{first.context.trace_id:032x}", f"{first.parent.span_id:016x}") == (TRACE, PARENT)
    assert last.parent is None, "the second was not to be kept, the third had no parent"


def test_the_log_names_the_trace(traced: Traced, tmp_path: Path) -> None:
    ask(traced.app, "GET", "/models", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    ask(traced.app, "GET", "/models")
    _, own = traced.spans()
    told = [json.loads(line)["trace"] for line in (tmp_path / "log").read_text().splitlines()]
    assert told == [TRACE, f"{own.context.trace_id:032x}"]
    assert trace_id() == "", "outside of a request there is none"


def test_names_are_of_a_closed_list_whatever_is_asked_for(traced: Traced) -> None:
    for method, path in (("GET", "/secret"), ("GET", "/models/secret"), ("BREW", "/predict"), ("HEAD", "/livez")):
        ask(traced.app, method, path)
    spans = traced.spans()
    assert [span.name for span in spans] == ["GET unknown", "GET /models/{name}", "_OTHER /predict", "HEAD /livez"]
    assert "http.route" not in (spans[0].attributes or {})
    assert (spans[1].attributes or {})["url.path"] == "/models/secret"


def test_only_our_own_errors_are_errors_of_a_span(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError

    ask(traced.app, "GET", "/nothing")
    monkeypatch.setattr(traced.api._intake, "body", fail)  # noqa: SLF001
    assert ask(traced.app, "POST", "/predict", content=b"x", headers={"content-type": "image/png"}).status_code == 500
    missing, failed = traced.spans()
    assert missing.status.status_code is StatusCode.UNSET
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.attributes or {})["error.type"] == "500"


def test_concurrent_requests_keep_their_parts_apart(traced: Traced, digits: list[bytes]) -> None:
    async def go() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(traced.app), base_url="http://digits") as client:
            await asyncio.gather(*(
                client.post("/predict", content=digits[place % 10], headers={"content-type": "image/png"})
                for place in range(20)
            ))  # fmt: skip

    asyncio.run(go())
    spans = traced.spans()
    requests = {span.context.span_id: span for span in spans if span.name == "POST /predict"}
    parts = {(span.parent.span_id, span.name): span for span in spans if span.parent}
    assert len(requests) == 20
    assert parts.keys() == {(request, name) for request in requests for name in ("infer", "read")}
    for request in requests:
        assert parts[request, "read"].end_time == parts[request, "infer"].start_time


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({}, []),
        (ENDPOINT, ["otlp"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x/v1/traces"}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": " otlp, console"}, ["otlp", "console"]),
        ({"OTEL_TRACES_EXPORTER": "none", **ENDPOINT}, []),
        ({"OTEL_SDK_DISABLED": "true", **ENDPOINT}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, []),
        ({"OTEL_SERVICE_NAME": "digits"}, []),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, []),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf", **ENDPOINT},
            ["otlp"],
        ),
    ],
)
def test_the_standards_variables_say_whether_there_are_traces(environment: dict[str, str], names: list[str]) -> None:
    assert wanted(environment) == names


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "zipkin"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", **ENDPOINT}, "grpc"),
    ],
)
def test_what_cannot_be_had_is_refused_by_its_name(environment: dict[str, str], named: str) -> None:
    with pytest.raises(TracingUnusable, match=named):
        wanted(environment)


def test_a_missing_exporter_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(TracingUnusable, match=r"digits\[otel\]"):
        exporters(["otlp"])


@contextmanager
def collector(*, silent: bool = False) -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """What takes spans over HTTP on loopback, and keeps them; or takes the connection and never answers."""
    taken: list[ExportTraceServiceRequest] = []
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            taken.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"]))))
            if silent:
                done.wait(60)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nobody asked."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", taken
    finally:
        done.set()
        server.shutdown()
        thread.join()
        server.server_close()


def sending(model: Model) -> tuple[Asgi, Tracing]:
    traces = tracing.start(exporters(["otlp"]))
    settings = Settings(models=find_models(), model="convnet")
    api = Api(inner, Catalogue({"convnet": model}, {}), settings, traces.meter(None, 0))
    return traces.traced(api, api.route_of), traces


def test_spans_reach_a_collector_at_the_end_at_the_latest(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as (url, taken):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=mine,deployment.environment.name=test")
        app, _ = sending(model)
        ask(app, "GET", "/models/convnet")
        end(app)
    resources = [resource for message in taken for resource in message.resource_spans]
    names = [span.name for resource in resources for scope in resource.scope_spans for span in scope.spans]
    assert names == ["GET /models/{name}"]
    attributes = {one.key: one.value.string_value for one in resources[0].resource.attributes}
    assert attributes["service.name"] == "mine"
    assert attributes["deployment.environment.name"] == "test"
    assert attributes["service.version"]


def test_a_collector_that_does_not_answer_holds_neither_requests_nor_the_end_up(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "LAST", 0.5)
    with collector(silent=True) as (url, taken):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        app, _ = sending(model)
        began = time.monotonic()
        for _ in range(10):
            assert ask(app, "GET", "/livez").status_code == 200
        end(app)
        assert time.monotonic() - began < 5
        assert taken, "it had been sent"


def test_without_a_word_of_it_nothing_of_it_is_loaded() -> None:
    program = "import sys, serving.http.api; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
