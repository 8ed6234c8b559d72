"""How each server is started: two workers, and what its documentation recommends for speed."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from started import Started, free_port, service, started

from benchmarks.load.contenders import MODEL
from benchmarks.load.environments import FOLDER, environment

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
WORKERS = "2"
Start = Callable[[], AbstractContextManager[Started]]


def _clean() -> dict[str, str]:
    """The environment without what would set a service up otherwise than as it comes."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("DIGITS_", "BENTOML_", "MOSEC_"))}


def _for_peers() -> dict[str, str]:
    return _clean() | {"MODEL": str(MODELS / MODEL / "model.onnx")}


def _ours(*arguments: str) -> Start:
    return lambda: service("--models", str(MODELS), "--workers", WORKERS, *arguments, environment=_clean(), folder=ROOT)


def _mosec(most: int) -> Start:
    @contextmanager
    def start() -> Iterator[Started]:
        port = free_port()
        command = [str(environment("mosec")), "mosec_server.py", "--log-level", "warning"]
        address = ["--address", "127.0.0.1", "--port", str(port)]
        settings = _for_peers() | {"MAX_BATCH": str(most)}
        with started([*command, *address], port, ready="/metrics", environment=settings, folder=FOLDER) as server:
            yield server

    return start


@contextmanager
def _fastapi() -> Iterator[Started]:
    port = free_port()
    command = [str(environment("fastapi")), "-m", "uvicorn", "fastapi_server:app", "--port", str(port)]
    fast = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    command += ["--workers", WORKERS, *fast]
    with started(command, port, ready="/openapi.json", environment=_for_peers(), folder=FOLDER) as server:
        yield server


SERVERS: dict[str, Start] = {
    "ours": _ours("--model", MODEL),
    "ours-default": _ours(),
    "fastapi": _fastapi,
    "mosec": _mosec(32),
    "mosec-8": _mosec(8),
    "mosec-1": _mosec(1),
}
