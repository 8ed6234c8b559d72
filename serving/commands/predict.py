"""digits predict: pictures to rows."""

import os
from functools import partial
from pathlib import Path

import typer

from serving.commands import elsewhere, options
from serving.commands.console import (
    OWN_PROCESS,
    REJECTED_ROWS,
    USAGE,
    ByRuntime,
    ModelName,
    Models,
    OnDevice,
    choose,
    read_settings,
    stop,
)
from serving.commands.ends import faults_told
from serving.commands.job import Job
from serving.commands.outputs import Outputs, format_of, sorting_of
from serving.folder import cluster, pool, run
from serving.folder.chosen import Chosen
from serving.folder.rows import Shape
from serving.folder.sources import Sources
from serving.settings import find_models

STDOUT = Path("-")


def predict(
    context: typer.Context,
    paths: options.Paths = None,
    output: options.Output = None,
    written: options.Written = None,
    probabilities: options.Probabilities = False,  # noqa: FBT002
    top: options.Top = 0,
    kaggle: options.Kaggle = False,  # noqa: FBT002
    overwrite: options.Overwrite = False,  # noqa: FBT002
    strict: options.Strict = False,  # noqa: FBT002
    quiet: options.Quiet = False,  # noqa: FBT002
    listed: options.Listed = None,
    include: options.Include = None,
    exclude: options.Exclude = None,
    copy_into: options.CopyInto = None,
    move: options.MoveInto = None,
    report: options.Report = None,
    seen: options.Seen = None,
    summary: options.Summary = None,
    model: ModelName = None,
    models: Models = None,
    device: OnDevice = None,
    runtime: ByRuntime = None,
    workers: options.Workers = None,
    engine: options.Engine = "processes",
    address: options.Address = None,
    server: elsewhere.Server = None,
    key_file: elsewhere.KeyFile = None,
) -> None:
    """Write one row per file: the digit, or why there is none.

    $ digits predict scans -o answers.csv
    $ digits predict scans more.zip -o answers.parquet --report report.html
    $ find scans -name '*.png' -print0 | digits predict - > answers.csv

    A row's status is digit (the digit is promised), unsure, not_a_digit, blank,
    or rejected, with a reason. Rows are in a stable order.

    Interrupted, even by kill -9 or a full disk, the same command goes on where it
    was, and the finished file is the same to the byte.

    Exit codes: 0 done, 1 rejected rows under --strict, 2 wrong usage, 3 could not finish, 130 interrupted.
    """
    if not paths and listed is None:
        stop("Nothing to predict: name a folder, or see digits predict --help", USAGE)
    _check_engine(engine, address, workers)
    named = paths or []
    file = None if output in {None, STDOUT} else output
    shape = Shape(format_of(file, written, kaggle=kaggle), probabilities, top)
    outputs = Outputs(file, shape, seen, sorting_of(copy_into, move), report, summary)
    with faults_told(file):
        if server is not None:
            elsewhere.refuse({
                "--models": models, "--device": device, "--runtime": runtime, "--address": address,
                "--engine": None if engine == "processes" else engine,
            })  # fmt: skip
            settings = read_settings()
            by, start = elsewhere.engine_of(server, key_file, model, settings.limits, shape, seen, workers)
        else:
            settings, chosen = choose(model, models, device, runtime)
            recipe = pool.Recipe(find_models(models) / chosen.card.name, settings.limits, shape, seen, settings.backend)
            by = run.Answerer(chosen.identity, chosen.card, chosen.session.library)
            fork = context.obj == OWN_PROCESS
            start = partial(_engine, engine, recipe, address, workers, fork=fork)
        outputs.check(named)
        progress = Job(outputs, by, settings.limits, quiet).do(
            lambda: Sources(named, list_file=listed, chosen=Chosen(include or (), exclude or ()), outputs=outputs.own),
            start,
            overwrite=overwrite,
        )
    if strict and progress.account["rejected"]:
        raise typer.Exit(REJECTED_ROWS)


def _check_engine(kind: str, address: str | None, workers: int | None) -> None:
    if kind == "ray" and workers is not None:
        stop("A Ray cluster has as many workers as it has cores: leave --workers out", USAGE)
    if kind != "ray" and address is not None:
        stop("--address is that of a Ray cluster: --engine ray", USAGE)


def _engine(kind: str, recipe: pool.Recipe, address: str | None, workers: int | None, *, fork: bool) -> run.Engine:
    return cluster.Cluster(recipe, address) if kind == "ray" else pool.Pool(recipe, workers or _cores(), fork=fork)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
