"""The application of one worker: each request to its handler, and whatever happens to one answer in one form.

In front of BentoML's own, because the framework's uploads answer 500 to a broken picture and its hops lose requests;
docs/decisions/0004-serving.md has the rest of the reasons.
"""

import asyncio
import functools
import itertools
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from serving.callers import Callback
from serving.catalogue import Catalogue
from serving.engine import Engine
from serving.http import errors, openinference, page, static
from serving.http.access_log import AccessLog
from serving.http.errors import HttpError
from serving.http.guard import Guard
from serving.http.health import Health
from serving.http.intake import Intake
from serving.http.messages import AT_ONCE, Asgi, Disconnected, Headers, Receive, Request, Response, Scope, Send, SendAtOnce
from serving.http.metrics import Metrics
from serving.http.models import Models
from serving.http.openapi import Documentation
from serving.http.predict import Predict
from serving.http.routes import UNKNOWN, AtOnce, Route, Routes, handler_of
from serving.meter import Meter
from serving.settings import Settings
from serving.watch import Watch

_ID = re.compile(rb"[\w.:-]{1,64}", re.ASCII)

GONE = Response(499, b"", ())
"""What is counted and logged where the client left before its answer; nginx's number for it."""

log = logging.getLogger("digits")


class Api:
    """The ASGI application."""

    def __init__(
        self,
        inner: Asgi,
        catalogue: Catalogue,
        settings: Settings,
        meter: Meter | None = None,
        access_log: AccessLog | None = None,
    ) -> None:
        """inner: BentoML's application, which keeps the lifespan. Raises ModelRefused where the default is not there."""
        self._inner, self._meter = inner, meter or Meter()
        self._access_log = access_log or AccessLog("off", self._meter)
        self._engine = Engine(catalogue, settings, self._meter)
        self._watch = Watch(self._engine.lineup, settings.models, settings.backend)
        self._intake = Intake(
            max_body=settings.max_body_bytes,
            max_held=settings.max_held_bytes,
            seconds=settings.body_seconds,
            tell=self._meter.held,
        )
        pages = page.assets(settings.limits)
        self._guard = Guard(settings.api_keys, settings.cors_origins, pages)
        models, health = Models(self._engine, settings.models), Health(self._engine)
        predict = Predict(self._engine, self._intake, settings)
        self._routes = Routes([
            Route("/predict", {"POST": predict}, {"POST": predict.at_once}),
            Route("/models", {"GET": models.cards}),
            Route("/models/{name}", {"GET": models.card}),
            Route("/models/{name}/model.onnx", {"GET": models.file}),
            Route("/livez", {"GET": health.livez}),
            Route("/healthz", {"GET": health.livez}),
            Route("/readyz", {"GET": health.readyz}),
            Route("/metrics", {"GET": Metrics(self._meter)}),
            Route("/docs.json", {"GET": Documentation(settings, self._engine.default.model, pages)}),
            *openinference.routes(self._engine, self._intake, settings),
            *static.routes(pages),
        ])  # fmt: skip
        self._came: list[Callable[[], None]] = []
        """Requests that came in this turn of the event loop."""
        self._tasks: set[asyncio.Task[None]] = set()
        prefix = secrets.token_hex(4)
        self._ids = (f"{prefix}-{number:x}" for number in itertools.count())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is no request (the lifespan) is BentoML's."""
        if scope["type"] != "http":
            await self._beside(scope, receive, send)
            return
        request = self._arrived(scope, receive)
        route, parts = self._routes.find(request.path)
        try:
            response = self._guard.preflight(request)
            if response is None:
                self._guard.check(request)
                response = await handler_of(route, request)(request, **parts)
        except Exception as error:  # noqa: BLE001  whatever it is, it is told
            response = self._told(request, error)
        finally:
            self._leaves(request)
        if response is not GONE:
            await _send(send, response, request, self._guard.headers(request))
        self._tell(request, response, route.pattern if route else UNKNOWN)

    def at_once(self, scope: Scope, body: bytes, send: SendAtOnce) -> bool:
        """Answer a request that came whole, soon, and as a rule without a task for it. False: it is one to be awaited.

        What one turn of the event loop brings is looked at together.
        """
        route, _ = self._routes.find(scope["path"])
        handler = route.at_once.get(scope["method"]) if route else None
        if route is None or handler is None:
            return False
        if not self._came:
            asyncio.get_running_loop().call_soon(self._look_at_all)
        request = self._arrived(scope, functools.partial(_whole, body))
        self._came.append(functools.partial(self._look_at, request, route, handler, body, send))
        return True

    def _look_at_all(self) -> None:
        came, self._came = self._came, []
        for look_at in came:
            look_at()

    def _look_at(self, request: Request, route: Route, handler: AtOnce, body: bytes, send: SendAtOnce) -> None:
        def answer(response: Response) -> None:
            self._leaves(request)
            try:
                send(response.status, _headers(response, request, self._guard.headers(request)), response.body)
                self._tell(request, response, route.pattern)
            except Exception:
                log.exception("the answer to request %s failed", request.id)

        def fail(error: Exception) -> None:
            answer(self._told(request, error))

        async def answer_in_time() -> None:
            try:
                answer(await handler_of(route, request)(request))
            except Exception as error:  # noqa: BLE001  whatever it is, it is told
                fail(error)

        try:
            self._guard.check(request)
            if not handler(request, body, Callback(answer, fail)):
                self._intake.release(request)
                task = asyncio.get_running_loop().create_task(answer_in_time())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except Exception as error:  # noqa: BLE001  whatever it is, it is told
            fail(error)

    def _arrived(self, scope: Scope, receive: Receive) -> Request:
        request = Request(scope, receive, time.perf_counter())
        given = request.headers.get(b"x-request-id", b"")
        request.id = given.decode() if _ID.fullmatch(given) else next(self._ids)
        self._meter.came()
        return request

    def _leaves(self, request: Request) -> None:
        self._intake.release(request)
        self._meter.left()

    def _told(self, request: Request, error: Exception) -> Response:
        """What a request is told that failed; its error is noted."""
        if isinstance(error, Disconnected):
            return GONE
        if not isinstance(error, HttpError):
            log.error("request %s to %r failed", request.id, request.path, exc_info=error)
            error = errors.internal()
        request.error = error.code
        # In the form that belongs to the path it happened at.
        return openinference.told(error) if openinference.owns(request.path) else error.response()

    async def _beside(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is no request is BentoML's: the lifespan, during which the folder of models is watched."""
        if scope["type"] != "lifespan":
            await self._inner(scope, receive, send)
            return
        try:
            async with self._watch.running():
                await self._inner(scope, receive, send)
        finally:
            self._access_log.close()

    def route_of(self, path: str) -> str:
        """The pattern of a path, of a closed list."""
        route, _ = self._routes.find(path)
        return route.pattern if route else UNKNOWN

    def _tell(self, request: Request, response: Response, route: str) -> None:
        seconds = time.perf_counter() - request.arrived
        self._meter.request(route, response.status, seconds)
        if request.error:
            self._meter.refused(request.error)
        self._access_log.request(request, response, route, seconds)


async def _whole(body: bytes) -> Mapping[str, Any]:
    """What is received of a request whose body is there."""
    return {"type": "http.request", "body": body, "more_body": False}


def _headers(response: Response, request: Request, more: Headers) -> Headers:
    length, number = b"%d" % len(response.body), request.id.encode()
    return (*response.headers, (b"content-length", length), (b"x-request-id", number), *more)


async def _send(send: Send, response: Response, request: Request, more: Headers) -> None:
    headers = _headers(response, request, more)
    at_once = request.scope.get("extensions", {}).get(AT_ONCE)
    if at_once and at_once(response.status, headers, response.body):
        return
    await send({"type": "http.response.start", "status": response.status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})
