"""What was measured, as a table to look at and as a CSV."""

import csv
from collections.abc import Sequence
from typing import TextIO

from rich.box import SIMPLE
from rich.table import Column, Table

from serving.benchmark.measure import Measured

COLUMNS = (
    "model", "data", "way", "library", "batch", "accuracy", "correct", "differing", "pictures", "bytes", "latency_us",
    "images_per_second",
)  # fmt: skip


def table(measured: Sequence[Measured], batches: Sequence[int]) -> Table:
    """A row for each way to run each model, with its speeds side by side."""
    columns = ["accuracy", "differing", "MB", f"us at {batches[0]:,}", *(f"{batch:,}" for batch in batches)]
    right = [Column(name, justify="right", no_wrap=True) for name in columns]
    told = Table(
        Column("model", no_wrap=True),
        Column("way", no_wrap=True),
        *right,
        caption="The last columns are images a second in batches of so many",
        box=SIMPLE,
        padding=(0, 1),
    )
    before = ""
    for one in measured:
        if one.model != before and before:
            told.add_section()
        accuracy = "" if one.accuracy is None else f"{one.accuracy:.2%}"
        told.add_row(
            one.model if one.model != before else "",
            one.way.name,
            accuracy,
            f"{one.differing:,}",
            f"{one.way.bytes / 1e6:.2f}",
            f"{one.latency(batches[0]) * 1e6:,.0f}",
            *(f"{one.speed(batch):,.0f}" for batch in batches),
        )
        before = one.model
    return told


def write(file: TextIO, measured: Sequence[Measured], batches: Sequence[int]) -> None:
    """A line for each batch size of each way to run each model. Raises OSError."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for one in measured:
        for batch in batches:
            writer.writerow([
                one.model, one.dataset, one.way.name, one.way.library, batch, one.accuracy, one.correct, one.differing,
                one.pictures, one.way.bytes, round(one.latency(batch) * 1e6, 1), round(one.speed(batch), 1),
            ])  # fmt: skip
