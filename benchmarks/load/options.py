"""Options that the benchmarks' command lines share."""

import argparse
from collections.abc import Callable, Sequence


def names_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """What reads an option's names, separated by commas, and gives them in the order in which they are known."""

    def parse(text: str) -> list[str]:
        given = [name.strip() for name in text.split(",")]
        if unknown := [name for name in given if name not in known]:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are: {', '.join(known)}")
        return [name for name in known if name in given]

    return parse
