"""The console script digits."""

import sys

from serving.commands import app
from serving.commands.console import OWN_PROCESS
from serving.reading import prepare_process

__all__ = ["app", "main"]


def main() -> None:
    """Run digits."""
    prepare_process()
    sys.exit(app(obj=OWN_PROCESS))
