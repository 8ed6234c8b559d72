"""What a command needs to ask a service that runs elsewhere: its URL, a key, and the engine that asks."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from serving.commands.console import USAGE, stop
from serving.commands.options import RUNNING
from serving.folder.rows import Shape
from serving.folder.run import Answerer, Engine
from serving.reading import Limits
from serving.settings import PREFIX, SettingInvalid, from_environment
from serving.version import VERSION

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="A service elsewhere answers, asked by 4 requests at once, or --workers.",
        rich_help_panel=RUNNING,
        show_default=False,
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="Holds the service's API key: on the command line everybody could read it.",
        rich_help_panel=RUNNING,
        show_default="DIGITS_API_KEYS",
    ),
]


def refuse(options: Mapping[str, object]) -> None:
    """End the program where an option is given that is about what runs here."""
    if given := [name for name, value in options.items() if value is not None]:
        stop(f"The service runs the model, so {', '.join(given)} cannot be given with --server", USAGE)


def api_key(file: Path | None) -> str:
    """The first key of a file, or of the settings that a service takes its own from; "" where there is none.

    Ends the program where the file or the settings cannot be used.
    """
    try:
        if file is None:
            keys = from_environment(os.environ).api_keys
        else:
            keys = from_environment({PREFIX + "API_KEYS_FILE": str(file)}).api_keys
    except SettingInvalid as error:
        stop(str(error) if file is None else str(error).replace(f"{PREFIX}API_KEYS_FILE names", "--key-file names"), USAGE)
    return keys[0] if keys else ""


def engine_of(
    url: str, key_file: Path | None, model: str | None, limits: Limits, shape: Shape, seen: Path | None, requests: int | None
) -> tuple[Answerer, Callable[[], Engine]]:
    """Whose rows they will be, and what makes the engine that has them made. Raises ServiceFault."""
    from serving.remote.engine import REQUESTS, RemoteEngine
    from serving.remote.service import Service

    requests, key = requests or REQUESTS, api_key(key_file)
    with Service(url, key) as service:
        offer = service.offers().get(model)
    library = offer.library if offer.version == VERSION else f"{offer.library} with digits {offer.version}"
    by = Answerer(offer.identity, offer.card, library)
    return by, lambda: RemoteEngine(Service(url, key, requests), offer, limits, shape, seen=seen, requests=requests)
