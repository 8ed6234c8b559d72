"""What digits can do, one module for each command; none of them computes anything."""

import typer

from serving.commands.benchmark import benchmark
from serving.commands.evaluate import evaluate
from serving.commands.look import look
from serving.commands.models import list_models
from serving.commands.predict import predict
from serving.commands.serve import serve
from serving.commands.verify import verify

app = typer.Typer(
    help="Read digits from pictures: over folders, or over HTTP.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(predict)
app.command()(serve)
app.command()(evaluate)
app.command()(look)
app.command("models")(list_models)
app.command()(verify)
app.command()(benchmark)
