"""The image, built once. What cannot be built or run is said loudly, and fails where REQUIRE_CONTAINERS is set."""

import os
from collections.abc import Iterator

import containers
import pytest

NOT_RUN = "the container image was neither built nor run: "


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "container: builds the image and runs it (needs root, buildah and podman)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """They take minutes: `-m container` asks for them, `make container-test` does."""
    if "container" not in config.option.markexpr:
        asked = [item for item in items if not item.get_closest_marker("container")]
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("container")])
        items[:] = asked


@pytest.fixture(scope="session")
def engine(report: list[str]) -> Iterator[containers.Engine]:
    if why := containers.missing():
        report.append(f"container: {NOT_RUN}{why}")
        if os.environ.get("REQUIRE_CONTAINERS"):
            pytest.fail(NOT_RUN + why)
        pytest.skip(NOT_RUN + why)
    used = containers.engine()
    yield used
    containers.clean_up(used)


@pytest.fixture(scope="session")
def image(engine: containers.Engine, report: list[str]) -> str:
    name = engine.build(containers.IMAGE, "--layers")
    layers = engine.run("podman", "history", "--format={{.Size}}", name).stdout.split("\n")
    weights = [size for size in layers if size and not size.startswith("0 B")]
    report.append(f"container: {name} weighs {engine.inspect(name)['Size'] / 1e6:.0f} MB, in layers of {', '.join(weights)}")
    return name
