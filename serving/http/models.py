"""GET /models and /models/NAME: what there is to ask, and what became of what could not be loaded."""

from dataclasses import asdict

from serving.catalogue import ModelRefused
from serving.engine import Engine, Served
from serving.http import errors
from serving.http.messages import Request, Response, json_response


class Models:
    """The handlers of GET /models and of a card."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def cards(self, _request: Request) -> Response:
        """Every card, the default's name, and why the others are not served."""
        catalogue = self._engine.catalogue
        cards = [asdict(model.card) for model in catalogue.models.values()]
        told = {"default": self._engine.default.model.card.name, "models": cards, "refused": dict(catalogue.refused)}
        return json_response(told)

    async def card(self, _request: Request, name: str) -> Response:
        """One model's card. Raises HttpError 404."""
        return json_response(asdict(find(self._engine, name).model.card))


def find(engine: Engine, name: str) -> Served:
    """The model that a request names. Raises HttpError 404."""
    try:
        return engine.get(name)
    except ModelRefused as error:
        raise errors.unknown_model(str(error)) from error
