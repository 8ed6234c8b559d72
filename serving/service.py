"""What BentoML is told: it configures, observes and packages the service. The only import of bentoml."""

import importlib
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import bentoml
import click

from serving import settings
from serving.catalogue import Catalogue, load_catalogue
from serving.http import tracing
from serving.http.access_log import AccessLog
from serving.http.api import Api
from serving.http.messages import Asgi
from serving.meter import Meter
from serving.reading import prepare_process
from serving.run_folder import run_folder, worker_index

log = logging.getLogger("digits")

_SETTINGS = settings.from_environment()
_MODELS = _SETTINGS.models.absolute()  # now: bentoml is in the folder of a bento only while it imports this
_HTTP: dict[str, Any] = {"host": "0.0.0.0", "port": 3000}  # noqa: S104  where BentoML listens unless it is told
_UNDERSTOOD = {"bento", "host", "port", "working_dir", "production", "api_workers"}
"""Parameters of `bentoml serve`. The number of workers that it can be given is without effect since BentoML 1.2."""


class Front(bentoml.Service[Any]):  # type: ignore[misc]  # bentoml resolves the name at run time
    """A service whose application answers before BentoML's own: through the public `service_class=`, no hop between."""

    told: dict[str, Any]
    """What this process says of itself when it is ready. Not its models, which go when others take their place."""

    def to_asgi(self, is_main: bool = True) -> Asgi:  # noqa: FBT001, FBT002  BentoML's signature
        """The application of one worker process, its models loaded and warm. Raises ModelRefused."""
        prepare_process()
        catalogue = load_catalogue(_MODELS, _SETTINGS.backend)
        default = catalogue.get(_SETTINGS.model)
        on = f"{default.session.library} on {default.session.device}"
        self.told = {"model": f"{default.identity} in {on}", "models": len(catalogue.models)}
        return _observed(super().to_asgi(is_main), catalogue)


def _observed(inner: Asgi, catalogue: Catalogue) -> Asgi:
    """The application with what counts and tells of its work. Raises TracingUnusable."""
    folder, worker = run_folder() / "meters", worker_index()
    names = tracing.wanted(os.environ)
    if not names:
        meter = Meter(folder, worker)
        return Api(inner, catalogue, _SETTINGS, meter, AccessLog(_SETTINGS.access_log, meter))
    traces = tracing.start(tracing.exporters(names))
    meter = traces.meter(folder, worker)
    api = Api(inner, catalogue, _SETTINGS, meter, AccessLog(_SETTINGS.access_log, meter, trace=tracing.trace_id))
    return traces.traced(api, api.route_of)


@bentoml.service(
    name="digits",
    service_class=Front,
    workers=_SETTINGS.workers,
    http=_HTTP,
    traffic={"timeout": 60},
    tracing={"excluded_urls": ".*"},
    metrics={"enabled": False},  # they would count what reaches BentoML's own application: nothing
)
class Digits:
    """Nothing is declared here: the routes are serving.http.api's."""

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def supervise() -> None:
        """Become `digits serve` where `bentoml serve` would start its own supervisor, which replaces a worker late or never.

        Left to BentoML: what its options ask for and ours does not have (reloading, development, TLS, time limits).
        """
        context = click.get_current_context(silent=True)
        if context is None or "bento" not in context.params:
            return  # bentoml.serve() in a program
        if any(value for name, value in context.params.items() if name not in _UNDERSTOOD):
            log.warning("BentoML's own supervisor serves, because of an option that ours does not have.")
            return
        host, port = ((_HTTP if context.params[name] is None else context.params)[name] for name in ("host", "port"))
        _become_digits_serve(host, port)


def _become_digits_serve(host: str, port: int) -> NoReturn:
    """The same process, another program: with the modules and the models that this one has found."""
    os.environ[settings.PREFIX + "MODELS"] = str(_MODELS)
    here = str(Path(__file__).parent.parent)
    program = f"import sys; sys.path.insert(0, {here!r}); from serving.cli import main; main()"
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-c", program, "serve", "--host", host, "--port", str(port)])  # noqa: S606


def preload() -> None:
    """Import what to_asgi() imports late, so that it is in memory once for all workers, and there when one has to start."""
    for name in ("_bentoml_impl.server.app", "opentelemetry.instrumentation.asgi", "opentelemetry.sdk.trace"):
        with suppress(ImportError):
            importlib.import_module(name)


def told() -> dict[str, Any]:
    """What a worker says of itself when it is ready."""
    said: dict[str, Any] = Digits.told  # type: ignore[attr-defined]
    return said
