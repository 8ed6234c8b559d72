"""digits verify: whether a running service answers as the models here."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from serving.catalogue import Model
from serving.commands.console import (
    COULD_NOT,
    INTERRUPTED,
    USAGE,
    Models,
    console,
    load_models,
    model_named,
    printable,
    stop,
)
from serving.commands.elsewhere import KeyFile, api_key
from serving.remote.faults import AskedWrongly, ServiceFault
from serving.settings import find_models
from serving.version import VERSION

if TYPE_CHECKING:  # they take their time to import, which no other command should
    from serving.remote.service import Offers
    from serving.remote.verify import Difference

DIFFERS = 1
TOLD = 40
"""Differences are shown up to so many."""


def verify(
    url: Annotated[str, typer.Argument(help="Such as http://127.0.0.1:3000; may have a path.", show_default=False)],
    model: Annotated[
        str | None,
        typer.Option("--model", help="Only this one.", show_default="all that are there and here"),
    ] = None,
    models: Models = None,
    key_file: KeyFile = None,
) -> None:
    """Compare a running service with the models here.

    Sends it pictures and broken files that are made for it, and requests that are
    to be refused. A probability may be 1e-6 from what it is here; alone, in one
    request with others and under load it has to be the same to the last digit.
    The service is expected to have the limits that it has by default.

    Exit codes: 0 all the same, 1 something differs, 2 wrong usage, 3 the service cannot be asked, 130 interrupted.
    """
    from serving.remote.service import Service
    from serving.remote.verify import differences

    key, folder = api_key(key_file), find_models(models)
    here = {model: model_named(model, folder)} if model else dict(load_models(folder).models)
    try:
        with Service(url, key) as service:
            offers = service.offers()
            compared = here if model else {name: one for name, one in here.items() if name in offers.models}
            if not compared:
                stop(f"No model is both there ({_names(offers.models)}) and here ({_names(here)})", DIFFERS)
            with console.status("") as status:
                found = list(differences(service, offers, compared, status.update))
    except AskedWrongly as error:
        stop(str(error), USAGE)
    except ServiceFault as error:
        stop(str(error), COULD_NOT)
    except KeyboardInterrupt:
        stop("Stopped.", INTERRUPTED)
    _tell(service.url, offers, compared, None if model else here, found)
    if found:
        raise typer.Exit(DIFFERS)


def _names(models: Iterable[str]) -> str:
    return ", ".join(sorted(models))


def _tell(
    url: str,
    offers: "Offers",
    compared: Mapping[str, Model],
    here: Mapping[str, Model] | None,
    found: "Sequence[Difference]",
) -> None:
    """here: all models here, where all were meant."""
    from serving.remote.golden import broken, golden
    from serving.remote.verify import REFUSED

    screen = Console(highlight=False, soft_wrap=True)
    if found:
        table = Table("model", "what", "here", "there")
        for one in found[:TOLD]:
            table.add_row(*map(printable, one))
        Console(highlight=False).print(table)
    if len(found) > TOLD:
        screen.print(f"and {len(found) - TOLD:,} more")
    if here is not None:
        for where, names in {"there": offers.models.keys() - here, "here": here.keys() - offers.models}.items():
            if names:
                screen.print(f"Only {where}, not compared: {_names(names)}")
    result = f"{len(found):,} differ" if found else "all the same"
    what = f"{len(compared)} models" if len(compared) > 1 else next(iter(compared))
    files = f"{len(golden())} pictures each, {len(broken())} broken files, {len(REFUSED)} requests that are refused"
    versions = f"digits {next(iter(offers.models.values())).version} there, {VERSION} here"
    screen.print(printable(f"{url}: {result}; {what}, {files} ({versions})"), markup=False)
