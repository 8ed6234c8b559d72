"""GET /livez and /readyz: whether this worker lives, and with which models."""

from serving.engine import Engine
from serving.http.messages import Request, Response, json_response

ALIVE = json_response({"status": "alive"})


class Health:
    """The handlers of the probes. A worker that answers at all has loaded its models and run each once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def livez(self, _request: Request) -> Response:
        """Whether the event loop turns."""
        return ALIVE

    async def readyz(self, _request: Request) -> Response:
        """Which models answer, by their identities, and why others do not."""
        catalogue = self._engine.catalogue
        identities = {name: model.identity for name, model in catalogue.models.items()}
        return json_response({"status": "ready", "models": identities, "refused": dict(catalogue.refused)})
