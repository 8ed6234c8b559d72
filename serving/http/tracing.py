"""Traces: each request is a span of OpenTelemetry, where its own environment variables ask for that.

    OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 digits serve

Where nothing asks for it, nothing of this stands in a request's way: the application is not wrapped, and the meter is the
plain one. What else there is to set (names, headers, sampling, batches), the SDK reads itself.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from serving.http.messages import Asgi, Receive, Scope, Send
from serving.http.routes import UNKNOWN
from serving.meter import Meter
from serving.outcome import Outcome
from serving.version import VERSION

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
MAX_PATH = 200
LAST = 5.0
"""Seconds that the end waits for a collector to take the last spans."""

_read_at: ContextVar[int] = ContextVar("read_at")
"""When the current request's files had been read, in nanoseconds since 1970."""


class TracingUnusable(Exception):
    """Traces are asked for in a way that cannot be had; the message says what to do."""


def wanted(environment: Mapping[str, str]) -> list[str]:
    """The exporters that the environment asks for: none, where it asks for no traces. Raises TracingUnusable."""
    named = [name.strip() for name in environment.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
    if not named and any(environment.get(name) for name in ENDPOINTS):
        named = ["otlp"]
    if "none" in named or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return []
    if unknown := sorted(set(named) - {"otlp", "console"}):
        raise TracingUnusable(f"OTEL_TRACES_EXPORTER may be otlp, console or none, not {unknown[0]!r}")
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), "http/protobuf")
    if "otlp" in named and protocol != "http/protobuf":
        raise TracingUnusable(f"Spans are sent as http/protobuf; {protocol!r}, as {PROTOCOLS[1]} has it, is not there")
    return named


def exporters(names: Sequence[str]) -> list[SpanExporter]:
    """What sends spans on. Raises TracingUnusable where its package is missing."""
    return [_otlp() if name == "otlp" else ConsoleSpanExporter() for name in names]


def _otlp() -> SpanExporter:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        message = "The environment asks for traces, but their exporter is not installed: pip install 'digits[otel]'"
        raise TracingUnusable(message) from error
    return OTLPSpanExporter()


def start(exporting: Sequence[SpanExporter]) -> "Tracing":
    """Begin to trace."""
    named = {**OTELResourceDetector().detect().attributes}  # what the environment says of the service
    resource = Resource.create({"service.name": "digits", "service.version": VERSION, **named})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)  # it would wait for a dead collector
    for exporter in exporting:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider)


class Tracing:
    """The traces of one worker."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("digits", VERSION)

    def meter(self, folder: Path | None, worker: int) -> Meter:
        """A meter that makes spans of what it is told of a request's parts."""
        return _TracingMeter(self._tracer, folder, worker)

    def traced(self, app: Asgi, route_of: Callable[[str], str]) -> Asgi:
        """The application, with a span around each request. route_of: gives a path's pattern, of a closed list."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await self._request(app, route_of, scope, receive, send)
                return
            try:
                await app(scope, receive, send)
            finally:
                if scope["type"] == "lifespan":
                    self._close()

        return application

    async def _request(self, app: Asgi, route_of: Callable[[str], str], scope: Scope, receive: Receive, send: Send) -> None:
        route = route_of(scope["path"])
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with self._tracer.start_as_current_span(
            f"{method} {route}",
            context=propagate.extract(headers),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, **_attributes(scope, route)},
        ) as span:

            async def send_on(message: dict[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    _tell_status(span, message["status"])
                await send(message)

            await app(scope, receive, send_on)

    def _close(self) -> None:
        """Send what is left. A collector that does not answer holds nobody up for long."""
        closing = threading.Thread(target=self._provider.shutdown, name="tracing-end", daemon=True)
        closing.start()
        closing.join(LAST)


def trace_id() -> str:
    """The id of the trace that the current request belongs to, 32 hex digits; "" outside of any."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""


class _TracingMeter(Meter):
    def __init__(self, tracer: Tracer, folder: Path | None, worker: int) -> None:
        super().__init__(folder, worker)
        self._tracer = tracer

    def read(self, files: int, seconds: float) -> None:
        super().read(files, seconds)
        now = time.time_ns()
        _read_at.set(now)
        self._span("read", now - int(seconds * 1e9), now, {"digits.files": files})

    def answered(self, model: str, outcomes: Sequence[Outcome]) -> None:
        super().answered(model, outcomes)
        self._span("infer", _read_at.get(), time.time_ns(), {"digits.model": model, "digits.files": len(outcomes)})

    def _span(self, name: str, began: int, ended: int, attributes: Mapping[str, str | int]) -> None:
        """Below the current request's, as these calls come from the task that answers it."""
        self._tracer.start_span(name, start_time=began, attributes=attributes).end(ended)


def _tell_status(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)


def _attributes(scope: Scope, route: str) -> dict[str, str]:
    """After OpenTelemetry's conventions for HTTP servers, as far as they are known when a request comes."""
    path = scope.get("raw_path", b"")[:MAX_PATH].decode("latin-1")
    known = {"url.path": path, "url.scheme": scope["scheme"]}
    if route != UNKNOWN:
        known["http.route"] = route
    if scope.get("client"):
        known["client.address"] = scope["client"][0]
    return known
