"""What is deployed, as it is written; and the tools that judge it, which are asked for loudly."""

import pytest
import tools
from tools import tool


@pytest.fixture(scope="session")
def kubectl() -> str:
    return tools.kubectl()


@pytest.fixture(scope="session")
def validator() -> str:
    return tool("kubernetes-validate", "Python's package kubernetes-validate")


@pytest.fixture(scope="session")
def promtool() -> str:
    return tool("promtool", "Debian's package prometheus")
