"""What BentoML is told: it starts, configures, observes and packages the service. The only import of bentoml."""

import logging
import socket
from typing import Any

import bentoml

from serving import settings
from serving.catalogue import load_catalogue
from serving.http.api import Api
from serving.http.messages import Asgi
from serving.reading import prepare_process

log = logging.getLogger("digits")

_SETTINGS = settings.from_environment()


class Front(bentoml.Service[Any]):  # type: ignore[misc]  # bentoml resolves the name at run time
    """A service whose application answers before BentoML's own: through the public `service_class=`, no hop between."""

    def to_asgi(self, is_main: bool = True) -> Asgi:  # noqa: FBT001, FBT002  BentoML's signature
        """The application of one worker process, its models loaded and warm. Raises ModelRefused."""
        prepare_process()
        catalogue = load_catalogue(_SETTINGS.models)
        for reason in catalogue.refused.values():
            log.warning("A model is not served: %s", reason)
        return Api(super().to_asgi(is_main), catalogue, _SETTINGS)


@bentoml.service(
    name="digits",
    service_class=Front,
    workers=_SETTINGS.workers,
    traffic={"timeout": 60},
    tracing={"excluded_urls": ".*"},
)
class Digits:
    """Nothing is declared here: the routes are serving.http.api's."""


class CannotListen(Exception):
    """The address cannot be listened on; the message says why."""


def serve(host: str, port: int) -> None:
    """Listen until SIGTERM or Ctrl-C. Requests in flight are finished.

    host: an address, or a name that stands for one. Raises CannotListen.
    """
    try:  # BentoML's supervisor takes no names, and would try a taken port for ever
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)  # IPv4 first
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CannotListen(f"{host}:{port} cannot be listened on: {error.strerror or error}") from error
    Digits.serve_http(host=address[0], port=port)  # type: ignore[attr-defined]
