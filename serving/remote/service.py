"""A running service, asked over HTTP: what models it has, and what it answers to files."""

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from serving.card import Card
from serving.reading import Reason
from serving.remote.faults import AskedWrongly, Later, ServiceFault, TooMuch

TIMEOUT_S, CONNECT_S = 60.0, 10.0
"""For each piece of an answer to come, and for a connection."""
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the same request may well be answered: ours, and those of what may stand before a service."""

BELOW: dict[type[BaseException], str] = {
    ssl.SSLError: "no TLS comes about; is it http:// instead?",
    socket.gaierror: "there is no host of that name",
    ConnectionRefusedError: "nothing listens there",
    httpx.TimeoutException: "it does not answer in time",
    OSError: "no connection comes about, or it is lost",
}
"""What may be below a request without an answer, the more special first."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that a service answers by."""

    card: Card
    identity: str
    """As its answers name it: convnet@0123456789ab."""
    library: str
    """What runs it there."""
    version: str
    """Of digits there."""


class Offers(NamedTuple):
    """What a service has to offer."""

    default: str
    """The name of the model that answers where none is named."""
    models: Mapping[str, Offer]

    def get(self, name: str | None) -> Offer:
        """A model by name, or the default. Raises AskedWrongly with the names there are."""
        name = name or self.default
        if name not in self.models:
            raise AskedWrongly(f"The service has no model {name!r}. Models: {', '.join(sorted(self.models))}")
        return self.models[name]


class Told(NamedTuple):
    """What a service answered to some files."""

    model: str
    """The identity of the model that answered."""
    predictions: list[dict[str, Any]]
    """An answer object for each file, in order."""


class Service:
    """A service by its URL, which may have a path where something stands before it. May be asked from many threads."""

    def __init__(self, url: str, key: str = "", connections: int = 8) -> None:
        """key: goes with every request where there is one. Raises AskedWrongly; asks nothing yet."""
        self.url = _checked(url)
        self._has_key = bool(key)
        self._client = httpx.Client(
            headers={b"authorization": b"Bearer " + key.encode()} if key else {},
            timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def offers(self) -> Offers:
        """Its models. Raises ServiceFault where it cannot be asked, or is something else."""
        told = self._json(self.asked("GET", "/models"), {200})
        version = self._json(self.asked("GET", "/docs.json"), {200})
        try:
            states = told["states"]
            cards = [Card(**card) for card in told["models"]]
            models = {
                card.name: Offer(
                    card, states[card.name]["identity"], states[card.name]["runtime"], version["info"]["version"]
                )
                for card in cards
            }
            return Offers(told["default"], models)
        except (KeyError, TypeError) as error:
            raise ServiceFault(f"{self.url} describes its models in a way that is not known here") from error

    def predict(self, files: Sequence[bytes], model: str, *, seen: bool = False) -> Told:
        """What a model answers to some files, at least one. seen: with the 28x28 pictures.

        Raises TooMuch, Later, or ServiceFault for whatever will not be otherwise the next time.
        """
        parts = [("file", (str(index), data, "application/octet-stream")) for index, data in enumerate(files)]
        response = self.asked("POST", "/predict", params={"model": model} | ({"seen": "1"} if seen else {}), files=parts)
        if response.status_code == 413:
            reason = Reason.TOO_MANY_PIXELS if code(response) == "too_many_pixels" else Reason.TOO_MANY_BYTES
            raise TooMuch(self._line(response), reason)
        told = self._json(response, {200, 422})
        if not isinstance(told.get("predictions"), list) or len(told["predictions"]) != len(files):
            raise ServiceFault(f"{self.url} did not answer each of {len(files)} files")
        return Told(str(told.get("model")), told["predictions"])

    def asked(self, method: str, path: str, **how: Any) -> httpx.Response:
        """One request, and its answer. how: as httpx takes it. Raises Later where none came, or a transient one."""
        try:
            response = self._client.request(method, self.url + path, **how)
        except httpx.HTTPError as error:
            raise Later(f"{self.url} cannot be asked: {_why(error)}") from error
        if response.status_code in TRANSIENT:
            raise Later(self._line(response), _retry_after(response))
        return response

    def _json(self, response: httpx.Response, wanted: set[int]) -> dict[str, Any]:
        """What an answer of a wanted status says. Raises ServiceFault."""
        if response.status_code == 401:
            key = "does not take the key that was given" if self._has_key else "wants a key: DIGITS_API_KEYS, or --key-file"
            raise ServiceFault(f"{self.url} {key}")
        if response.status_code in wanted:
            try:
                told = response.json()
            except ValueError:
                told = None
            if isinstance(told, dict):
                return told
        elif code(response):
            raise ServiceFault(self._line(response))
        raise ServiceFault(f"No service of digits: {self._line(response)}")

    def _line(self, response: httpx.Response) -> str:
        request = f"{response.request.method} {response.request.url.path}"
        told = _error(response).get("message") or response.headers.get("content-type", "nothing")
        where = f" to {response.headers['location']}" if response.has_redirect_location else ""
        return f"{self.url} answers {request} with {response.status_code}{where}: {told.rstrip('.')}"


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.query or parsed.fragment:
        raise AskedWrongly(f"{url!r} is no URL of a service; one is http://127.0.0.1:3000, or https://example.org/digits")
    return url.rstrip("/")


def _error(response: httpx.Response) -> dict[str, Any]:
    """What an error of ours tells; empty where it is none of ours."""
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def code(response: httpx.Response) -> str:
    """The code of an error of ours; "" of anything else."""
    return str(_error(response).get("code", ""))


def _retry_after(response: httpx.Response) -> float | None:
    """The seconds of a Retry-After, which may be a date too (RFC 9110, 10.2.3)."""
    said = response.headers.get("retry-after", "")
    if said.isdecimal():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _why(error: BaseException) -> str:
    """What happened below, in our own words."""
    for one in _chain(error):
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted ({one.verify_message})"
        for kind, said in BELOW.items():
            if isinstance(one, kind):
                return said
    return "the connection was lost, or something else than HTTP is spoken there"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
