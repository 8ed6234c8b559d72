"""digits serve: answers over HTTP."""

import os
import tempfile
from typing import Annotated

import typer

from serving.commands.console import COULD_NOT, Models, console, model_named, read_settings, stop
from serving.settings import PREFIX, find_models


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 3000,
    model: Annotated[
        str | None, typer.Option("--model", help="Which model answers where a request names none.", show_default=False)
    ] = None,
    models: Models = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.  [default: 1]", show_default=False)] = None,
) -> None:
    """Answer POST /predict over HTTP until Ctrl-C."""
    folder = find_models(models).absolute()
    # Workers are processes of their own: what they are to do reaches them through the environment.
    os.environ[PREFIX + "MODELS"] = str(folder)
    if model:
        os.environ[PREFIX + "MODEL"] = model
    if workers:
        os.environ[PREFIX + "WORKERS"] = str(workers)
    settings = read_settings()
    model_named(settings.model, folder)  # what fails here would in the workers be a restart for ever
    console.print(f"digits: {settings.model} from {folder} at http://{host}:{port}")
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    with tempfile.TemporaryDirectory(prefix="digits-") as home:
        # Two services with one BENTOML_HOME overwrite each other's metrics.
        os.environ.setdefault("BENTOML_HOME", home)
        from serving import service

        try:
            service.serve(host, port)
        except service.CannotListen as error:
            stop(str(error), COULD_NOT)
