"""A run's figures as one object, for a machine to read."""

import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from serving.folder.run import Answerer, Progress
from serving.folder.sorting import Sorted
from serving.folder.watching import rate
from serving.outcome import STATUSES
from serving.version import VERSION

DECIDING = ("numpy", "pillow", "opencv-python-headless")
"""What a row depends on, beside the library that runs the model."""


def summarise(progress: Progress, by: Answerer, output: Path | None, sorted_files: Sorted | None) -> dict[str, Any]:
    """The object of --summary. Its counts are of the whole run, its seconds and rate of this one where it was continued."""
    account = progress.account
    account.close()
    return {
        "found": account.found,
        **{status: account[status] for status in STATUSES},
        "shares": {status: round(account[status] / account.found, 6) if account.found else None for status in STATUSES},
        "model": by.identity,
        "model_sha256": by.card.onnx_sha256,
        "output": None if output is None else str(output),
        "seconds": round(time.monotonic() - progress.began, 3),
        "per_second": round(rate(progress), 1),
        "resumed": progress.resumed,
        "changed": progress.noticed,
        "sorted": None if sorted_files is None else _sorted(sorted_files),
        "versions": versions(by),
    }


def versions(by: Answerer) -> Mapping[str, str]:
    """Of digits, and of what its rows depend on."""
    library, _, of_library = by.library.partition(" ")
    return {
        "digits": VERSION,
        "python": platform.python_version(),
        library: of_library,
        **{name: version(name) for name in DECIDING},
    }


def _sorted(done: Sorted) -> dict[str, Any]:
    return {"placed": done.placed, "already": done.already, "left": done.left, "failed": done.failed}
