"""Every model of the catalogue and the published figures as accuracy against FLOP, parameters and pictures a second.

    python benchmarks/pareto.py [--models models] [--docs docs]

Writes docs/pareto.md and docs/pictures/pareto.png. Nothing is measured here: accuracies are the cards', speeds those of
models/speed.json (`digits-train measure`, all files side by side on one core), so that all pages tell the same. A model
that is new in the folder is new in the plot.
"""

import argparse
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # benchmarks/training.py would hide the package of the same name

from benchmarks.standing.page import page  # noqa: E402
from benchmarks.standing.plot import draw  # noqa: E402
from benchmarks.standing.points import points  # noqa: E402


def main() -> None:
    """Write the page and the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    options = parser.parse_args()
    found = points(options.models)
    (options.docs / "pictures").mkdir(parents=True, exist_ok=True)
    draw(found, options.docs / "pictures" / "pareto.png")
    (options.docs / "pareto.md").write_text(page(found), encoding="utf-8")
    print(f"{options.docs / 'pareto.md'}, {options.docs / 'pictures' / 'pareto.png'}: written")


if __name__ == "__main__":
    main()
