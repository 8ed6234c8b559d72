"""GET /livez and /readyz: whether this worker lives, and with which models."""

from serving.engine import Engine
from serving.http import errors
from serving.http.messages import ENDING, Request, Response, json_response

ALIVE = json_response({"status": "alive"})


def check_stays(request: Request) -> None:
    """Raises HttpError 503 where the server has been told to end: it is to be asked no more, while it still answers."""
    if request.scope.get("state", {}).get(ENDING):
        raise errors.ending()


class Health:
    """The handlers of the probes. A worker that answers at all has loaded its models and run each once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def livez(self, _request: Request) -> Response:
        """Whether the event loop turns."""
        return ALIVE

    async def readyz(self, request: Request) -> Response:
        """Which models answer, by their identities, on which device, and why others do not.

        A name may stand among both: what its folder holds is refused or gone, and the model from before answers.
        Raises HttpError 503 once the server has been told to end.
        """
        check_stays(request)
        catalogue = self._engine.catalogue
        identities = {name: model.identity for name, model in catalogue.models.items()}
        devices = {name: model.session.device for name, model in catalogue.models.items()}
        told = {"status": "ready", "models": identities, "devices": devices, "refused": catalogue.refused}
        return json_response(told)
