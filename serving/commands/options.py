"""What digits predict can be told, option by option, in the panels that its help shows."""

from pathlib import Path
from typing import Annotated, Literal

import typer

INPUTS, BESIDE, RUNNING = "Which files", "Beside the rows", "Running"

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        help="Folders with all below them, files, patterns, zip and tar archives, URLs; - reads names of such.",
        show_default=False,
    ),
]

Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="OUT.csv, OUT.jsonl or OUT.parquet. None, or -, is standard output.",
        show_default=False,
    ),
]
Written = Annotated[
    Literal["csv", "jsonl", "parquet"] | None,
    typer.Option("--format", help="Instead of what the output's ending says.", show_default=False),
]
Probabilities = Annotated[
    bool, typer.Option("--probabilities", help="Add columns p0 to p9; JSON lines have them anyway.", show_default=False)
]
Top = Annotated[
    int,
    typer.Option(
        "--top", min=0, max=10, help="Add the so many most probable classes, with probabilities.", show_default=False
    ),
]
Kaggle = Annotated[
    bool,
    typer.Option(
        "--kaggle",
        help="Write a CSV of ImageId,Label instead: the file's number, else its place; the best guess, empty where there is "
        "none (blank, rejected).",
        show_default=False,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace an output that exists, and begin an interrupted run anew.", show_default=False
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 when a row is rejected.", show_default=False)]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but what went wrong.", show_default=False)]

Listed = Annotated[
    Path | None,
    typer.Option(
        "--list",
        metavar="FILE",
        help="Names of files, one a line or ended by NUL.",
        rich_help_panel=INPUTS,
        show_default=False,
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="PATTERN",
        help="Only what matches, such as '*.png'; may be repeated.",
        rich_help_panel=INPUTS,
        show_default=False,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="PATTERN",
        help="Nothing that matches, folders too; may be repeated.",
        rich_help_panel=INPUTS,
        show_default=False,
    ),
]

Seen = Annotated[
    Path | None,
    typer.Option(
        "--seen",
        metavar="DIR",
        help="Write the 28x28 pictures that the model saw.",
        rich_help_panel=BESIDE,
        show_default=False,
    ),
]
CopyInto = Annotated[
    str | None,
    typer.Option(
        "--copy-into",
        metavar="DIR",
        help="When all rows are there, copy each file to DIR/7 and so on, or DIR/unsure, DIR/not_a_digit, DIR/blank, "
        "DIR/rejected; {digit} in DIR says where else that word goes.",
        rich_help_panel=BESIDE,
        show_default=False,
    ),
]
MoveInto = Annotated[
    str | None,
    typer.Option(
        "--move",
        metavar="DIR",
        help="The same, but move them. Nothing that lies there is replaced.",
        rich_help_panel=BESIDE,
        show_default=False,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write a page with counts, a histogram, the least sure and the refused.",
        rich_help_panel=BESIDE,
        show_default=False,
    ),
]
Summary = Annotated[
    Path | None,
    typer.Option(
        "--summary",
        metavar="FILE",
        help="Write counts, rates, model and versions as JSON.",
        rich_help_panel=BESIDE,
        show_default=False,
    ),
]

Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Processes.",
        rich_help_panel=RUNNING,
        show_default="as many as cores",
    ),
]

Engine = Annotated[
    Literal["processes", "ray"],
    typer.Option("--engine", help="What does the work: processes of this machine, or Ray.", rich_help_panel=RUNNING),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Of the Ray cluster, or auto.",
        rich_help_panel=RUNNING,
        show_default="RAY_ADDRESS, else this machine",
    ),
]
