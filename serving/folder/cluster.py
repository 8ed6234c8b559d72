"""The same tasks on the nodes of a Ray cluster, as a map over a Ray data set; their rows come back in their turn."""

import logging
import os
import pickle
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.folder.items import Item, TarMember, ZipMember
from serving.folder.pool import MOST, Pool, Recipe
from serving.folder.summary import DECIDING
from serving.folder.work import BATCH, GRAIN, Done, Worker
from serving.settings import Backend
from serving.version import VERSION

if TYPE_CHECKING:
    import pyarrow as pa

WINDOW_BYTES = 32 * 2**20
"""Of names that are handed to the cluster together: about half a million, which cost the driver about 100 MiB."""
TASKS = 16
"""For each core, where there is work enough: the last one to finish keeps the others waiting by a sixteenth at the most."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or it warns of what it will do one day
}
CONNECT_SECONDS = 5.0


class ClusterUnusable(Exception):
    """A run cannot begin or go on there; the message says why."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A recipe that takes its model along, so that no node has to have it."""

    recipe: Recipe
    files: Mapping[str, bytes]
    """Those of the model's folder, by name."""

    @property
    def backend(self) -> Backend:
        """What runs the model."""
        return self.recipe.backend

    def make(self) -> Worker:
        """Load the model. Raises ModelRefused."""
        with tempfile.TemporaryDirectory(prefix="digits-") as home:
            folder = Path(home) / self.recipe.model.name  # which a card is particular about
            folder.mkdir()
            for name, data in self.files.items():
                (folder / name).write_bytes(data)
            return replace(self.recipe, model=folder).make()


@dataclass(frozen=True, slots=True)
class Errand:
    """What a node has to know beside its items."""

    recipe: Any
    """The reference of a Packed in Ray's object store."""
    folder: str
    """Where the run was started: names may be relative to it."""
    versions: tuple[str, ...]


class Cluster:
    """A Ray cluster, or a local one that is started where there is no address."""

    def __init__(self, recipe: Recipe, address: str | None = None) -> None:
        """address: HOST:PORT, "auto", or None for what RAY_ADDRESS says, else this machine. Raises ClusterUnusable."""
        self._ray = _quiet_ray()
        address = address or os.environ.get("RAY_ADDRESS") or "local"  # and no other that was ever started here
        _check_there(address)
        try:
            with _own_sigterm():
                self._ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, include_dashboard=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ClusterUnusable(f"There is no Ray cluster at {address}: {_first_line(error)}") from None
        files = {path.name: path.read_bytes() for path in recipe.model.iterdir() if path.is_file()}
        # On their CPUs all nodes answer alike; what devices each of them has, nobody here knows.
        self.grain = GRAIN if recipe.backend.runtime == "onnx" else BATCH
        packed = Packed(replace(recipe, backend=recipe.backend._replace(device="cpu")), files)
        self._errand = Errand(self._ray.put(packed), str(Path.cwd()), _versions())

    def done(self, items: Iterator[Item], first: int, should_stop: Callable[[], bool]) -> Iterator[Done]:
        """What becomes of the items, in their order. first: the index of the first. Ends early where it should stop."""
        while batches := _window(items, should_stop):
            with closing(self._answered(batches, first)) as rows:
                for row in rows:
                    place, done = pickle.loads(row)  # noqa: S301  our own, from our own nodes
                    assert place == first, "a task is missing, or there twice"
                    first += done.items
                    yield done
                    if should_stop():
                        return

    def close(self) -> None:
        """Leave the cluster; end the one that was started here."""
        self._ray.shutdown()

    def _answered(self, batches: Sequence[bytes], first: int) -> Generator[bytes, None, None]:
        import pyarrow as pa

        cores = int(self._ray.cluster_resources().get("CPU", 1))
        length = max(1, min(MOST, len(batches) // (TASKS * cores)))
        blocks = self._ray.data.from_arrow(
            [
                pa.table({"first": [first + start * BATCH], "batches": [batches[start : start + length]]})
                for start in range(0, len(batches), length)
            ]
        )
        rows = blocks.map_batches(
            _answer, fn_args=(self._errand, _landmark(batches)), batch_size=None, batch_format="pyarrow", num_cpus=1
        )
        try:
            # Not iter_batches: it has threads that go on after a stop, and end this process when they find Ray gone.
            for bundle in rows.iter_internal_ref_bundles():
                for entry in bundle.blocks:
                    yield from self._ray.get(entry.ref)["done"].to_pylist()
        except self._ray.exceptions.RayError as error:
            raise ClusterUnusable(_cause(error)) from None


def _quiet_ray() -> Any:
    """Ray, which tells nobody how it is used, and draws nothing on the terminal."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError:
        raise ClusterUnusable("--engine ray needs the package ray: pip install 'digits[ray]'") from None
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    return ray


def _check_there(address: str) -> None:
    """See that somebody listens there: Ray would wait for two minutes, and then end the process."""
    host, _, port = address.rpartition(":")
    if host.startswith("ray:"):
        raise ClusterUnusable(f"{address} is a Ray client's; give --address HOST:PORT or auto, on a node of the cluster")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError):
        raise ClusterUnusable(f"There is no Ray cluster at {address}") from None


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Who asks a run to stop asks the run, though Ray would like to be asked."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _cause(error: Exception) -> str:
    """What a node's traceback, which is all that comes from there, ends with before Ray's own begins."""
    last = str(error).partition("\n\nThe above exception was the direct cause")[0].strip().rpartition("\n")[2]
    return last.removeprefix(f"{ClusterUnusable.__module__}.{ClusterUnusable.__name__}: ") or type(error).__name__


def _versions() -> tuple[str, ...]:
    """What has to be the same everywhere, or rows would not be the same everywhere."""
    return (f"digits {VERSION}", *(f"{name} {version(name)}" for name in (*DECIDING, "onnxruntime")))


def _window(items: Iterator[Item], should_stop: Callable[[], bool]) -> list[bytes]:
    """The next items by batches, packed: no more of them than WINDOW_BYTES."""
    batches: list[bytes] = []
    size = 0
    while size < WINDOW_BYTES and not should_stop() and (batch := list(islice(items, BATCH))):
        batches.append(pickle.dumps(batch))
        size += len(batches[-1])
    return batches


def _landmark(batches: Sequence[bytes]) -> str | None:
    for item in pickle.loads(batches[0]):  # noqa: S301  packed above
        if isinstance(item, str) and os.path.lexists(item):
            return os.path.dirname(item) or "."
        if isinstance(item, ZipMember | TarMember):
            return item.archive
    return None


# What follows runs on the nodes.


def _answer(table: "pa.Table", errand: Errand, landmark: str | None) -> "pa.Table":
    """Answer a block of batches: a pickled (place of the first item, Done) each row. The same block gives the same rows.

    landmark: a folder or archive that a node sees if it sees the files at all. Raises ClusterUnusable where it does not.
    """
    import pyarrow as pa

    pool = _pool(errand)
    if landmark is not None and not os.path.lexists(landmark):
        raise ClusterUnusable(f"The node {os.uname().nodename} does not see {landmark}")
    place, rows = table["first"][0].as_py(), []
    items = (item for batch in table["batches"][0].as_py() for item in pickle.loads(batch))  # noqa: S301  the driver's
    for done in pool.done(items, place, lambda: False):
        rows.append(pickle.dumps((place, done)))
        place += done.items
    return pa.table({"done": rows})


@lru_cache(maxsize=1)
def _pool(errand: Errand) -> Pool:
    """A process beside this one, which Ray keeps for the next task: a file that ends it does not end Ray's."""
    import ray

    if (found := _versions()) != errand.versions:
        other = (f"{one} instead of {asked}" for one, asked in zip(found, errand.versions, strict=True) if one != asked)
        raise ClusterUnusable(f"The node {os.uname().nodename} has {', '.join(other)}")
    with suppress(OSError):  # then no name is relative to it, or the landmark is missing
        os.chdir(errand.folder)
    return Pool(ray.get(errand.recipe), 1)
