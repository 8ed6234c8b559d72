"""digits serve: answers over HTTP."""

import logging
import os
from typing import Annotated

import typer

from serving.commands.console import COULD_NOT, ByRuntime, Models, OnDevice, console, printable, read_settings, stop
from serving.running import run
from serving.settings import PREFIX, find_models
from serving.supervision.listening import CannotListen
from serving.supervision.supervisor import WorkerFailed


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 is any that is free.")] = 3000,
    model: Annotated[
        str | None, typer.Option("--model", help="Which model answers where a request names none.", show_default=False)
    ] = None,
    models: Models = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.  [default: 1]", show_default=False)] = None,
    device: OnDevice = None,
    runtime: ByRuntime = None,
) -> None:
    """Answer over HTTP until Ctrl-C or SIGTERM, and then what is still asked.

    Exit codes: 0 done, 1 workers that cannot be kept alive, 2 wrong usage or models that cannot be served, 3 cannot listen.
    """
    folder = str(find_models(models).absolute())
    options = {"MODELS": folder, "MODEL": model, "WORKERS": workers, "DEVICE": device, "RUNTIME": runtime}
    # The service reads its settings from the environment, whoever starts it.
    os.environ |= {PREFIX + name: str(value) for name, value in options.items() if value is not None}
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    try:
        run(host, port, read_settings(), lambda line: console.print(printable(line), markup=False))
    except CannotListen as error:
        stop(str(error), COULD_NOT)
    except WorkerFailed as error:
        stop(str(error), error.code)
    except OSError as error:
        stop(f"There is no place for temporary files: {error}", COULD_NOT)
