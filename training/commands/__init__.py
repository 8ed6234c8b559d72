"""What digits-train can do, one module for each kind of command; none of them computes anything."""

import typer

from training.commands.models import (
    export_model,
    measure_models,
    measure_robustness,
    prove_model,
    quantise_model,
    write_exercises,
    write_table,
)
from training.commands.pictures import data_app, draw_figures, teach_lesson
from training.commands.run import run
from training.commands.speedrun import speedrun
from training.commands.teach import teach

app = typer.Typer(
    help="Train the labs' networks, export them with a proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("run")(run)
app.command("teach")(teach)
app.command("export")(export_model)
app.command("quantise")(quantise_model)
app.command("prove")(prove_model)
app.command("measure")(measure_models)
app.command("robustness")(measure_robustness)
app.command("exercises")(write_exercises)
app.command("table")(write_table)
app.command("figures")(draw_figures)
app.command("lesson")(teach_lesson)
app.command("speedrun")(speedrun)
app.add_typer(data_app, name="data")
