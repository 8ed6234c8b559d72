"""The same run on a Ray cluster: two nodes on this machine, and what becomes of it where one is lost."""

import os
import subprocess
import sys
import tarfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from crashing import ABORTS, CrashingRecipe
from held import HeldRecipe, begun

from serving.catalogue import load_model
from serving.folder import cluster, run
from serving.folder.cluster import Cluster, ClusterUnusable
from serving.folder.items import Item, Remote
from serving.folder.pool import Pool, Recipe
from serving.folder.rows import Shape
from serving.folder.sinks import part_of
from serving.folder.sources import Sources
from serving.folder.work import BATCH, Done
from serving.reading import Limits

pytestmark = pytest.mark.filterwarnings("ignore:::ray")  # it warns of its own defaults
ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "convnet"
RECIPE = Recipe(MODEL, Limits(), Shape(probabilities=True))
FILES = 20 * BATCH + 7


@contextmanager
def nodes(count: int) -> Iterator[Any]:
    """A cluster of this machine: a head that does no work, and nodes of one core that do."""
    utils = pytest.importorskip("ray.cluster_utils", reason="ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.QUIET.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), str(ROOT / "tests" / "support"))))
        one = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        try:
            for _ in range(count):
                one.add_node(num_cpus=1)
            yield one
        finally:
            one.shutdown()


@pytest.fixture(scope="module")
def two() -> Iterator[Any]:
    with nodes(2) as one:
        yield one


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory, digits: list[bytes], broken: dict[str, bytes]) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    kinds = list(broken.values())
    for place in range(FILES):
        data = digits[place % 10] if place % 9 else kinds[place // 9 % len(kinds)][:100_000]
        (folder / f"{place:04d}.png").write_bytes(data)
    return folder


def done_by(engine: run.Engine, items: Iterator[Item], first: int = 0) -> list[Done]:
    try:
        return list(engine.done(items, first, lambda: False))
    finally:
        engine.close()


def bytes_of(parts: list[Done]) -> tuple[bytes, bytes, Counter[str], int]:
    """The rows, the journal's lines, the counts and the number of items."""
    return (
        b"".join(one.rows for one in parts),
        b"".join(one.entries for one in parts),
        sum((one.counts for one in parts), Counter[str]()),
        sum(one.items for one in parts),
    )


def items_of(*named: Path) -> Iterator[Item]:
    return iter(Sources([str(one) for one in named]))


def wait_for_held(log: Path, held_from: int) -> set[int]:
    """Until both nodes have a task that is held; their first items."""
    until = time.monotonic() + 60
    while len(held := {asker: first for first, asker in begun(log) if first >= held_from}) < 2:
        assert time.monotonic() < until, "one of the nodes does nothing"
        time.sleep(0.05)
    return set(held.values())


@pytest.mark.slow  # first, before the others' cluster stands: Ray knows one at a time in a process
def test_a_node_that_is_lost_half_way_loses_and_doubles_nothing(scans: Path, tmp_path: Path) -> None:
    log, hold, half = tmp_path / "begun", tmp_path / "hold", FILES // 2
    hold.touch()
    with nodes(2) as both:
        recipe = HeldRecipe(MODEL, Limits(), Shape(probabilities=True), log=log, hold=hold, held_from=half)
        engine = Cluster(recipe, both.address)
        try:
            parts: list[Done] = []
            for done in engine.done(items_of(scans), 0, lambda: False):
                if not parts:  # and so some have answered; what is under way on either node does not end
                    held = wait_for_held(log, half)
                    both.remove_node(both.list_all_nodes()[-1], allow_graceful=False)  # SIGKILL
                    hold.unlink()
                parts.append(done)
        finally:
            engine.close()
    again = {first for first, times in Counter(first for first, _ in begun(log)).items() if times > 1}
    assert again & held, "what was lost was done again"
    assert bytes_of(parts) == bytes_of(done_by(Pool(RECIPE, 2), items_of(scans)))


@pytest.mark.slow
def test_a_cluster_gives_the_rows_of_one_machine(
    two: Any, scans: Path, tmp_path: Path, digits: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "WINDOW_BYTES", 10_000)  # several of them
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as zipped, tarfile.open(tmp_path / "some.tar", "w") as tar:
        for digit, data in enumerate(digits):
            zipped.writestr(f"{digit}, “quoted”\n.png", data)
            tar.add(scans / f"{digit:04d}.png", f"{digit}.png")
    odd = os.fsencode(tmp_path) + b"/\xff.png"
    with open(odd, "wb") as file:  # noqa: PTH123
        file.write(digits[5])
    url = (tmp_path / "some.zip").as_uri().replace("file:", "local:")

    def items() -> Iterator[Item]:
        yield from items_of(scans, tmp_path / "some.zip", tmp_path / "some.tar")
        yield from (os.fsdecode(odd), str(tmp_path / "gone.png"), Remote(url, "a stamp", None))

    here = bytes_of(done_by(Pool(RECIPE, 2), items(), 3))
    there = bytes_of(done_by(Cluster(RECIPE, two.address), items(), 3))
    assert there == here
    assert there[3] == FILES + 23
    assert there[2]["rejected"] > 100


@pytest.mark.slow
def test_names_are_relative_to_where_the_run_was_started(two: Any, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scans)
    parts = done_by(Cluster(RECIPE, two.address), iter(["0001.png", "0002.png"]))
    assert bytes_of(parts)[2] == {"digit": 2}
    assert parts[0].rows.startswith(b"0001.png,digit,1,")


@pytest.mark.slow
def test_a_file_that_ends_its_process_costs_itself(two: Any, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "poison.png").write_bytes(ABORTS)
    names = [str(scans / "0001.png"), str(tmp_path / "poison.png"), str(scans / "0002.png")]
    parts = done_by(Cluster(CrashingRecipe(MODEL, Limits(), Shape()), two.address), iter(names))
    lines = bytes_of(parts)[0].splitlines()
    assert [line.split(b",")[1:6:4] for line in lines] == [[b"digit", b""], [b"rejected", b"crashed"], [b"digit", b""]]


def to_file(engine: run.Engine, scans: Path, output: Path, should_stop: Callable[[], bool] = lambda: False) -> run.Progress:
    try:
        return run.to_file(items_of(scans), engine, output, b"head\r\n", {"of": "this test"}, lambda _: None, should_stop)
    finally:
        engine.close()


@pytest.mark.slow
def test_a_run_that_is_stopped_there_goes_on_here(two: Any, scans: Path, tmp_path: Path) -> None:
    output, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    asked = iter(range(10**6))
    with pytest.raises(run.Stopped):
        to_file(Cluster(RECIPE, two.address), scans, output, lambda: next(asked) > FILES // BATCH + 5)
    progress = to_file(Pool(RECIPE, 2), scans, output)
    assert 0 < progress.resumed < FILES
    to_file(Pool(RECIPE, 2), scans, whole)
    assert part_of(output).read_bytes() == part_of(whole).read_bytes()


@pytest.mark.slow
def test_the_command_says_on_a_cluster_what_it_says_here(two: Any, scans: Path, tmp_path: Path) -> None:
    def predict(output: Path, *further: str) -> list[str]:
        command = [sys.executable, "-c", "from serving.cli import main; main()", "predict", str(scans), "-o", str(output)]
        result = subprocess.run(
            [*command, "--model", "convnet", *further], capture_output=True, text=True, cwd=ROOT, check=False, timeout=120
        )
        assert (result.returncode, result.stdout) == (0, ""), result.stderr
        said = result.stderr.replace(str(output), "OUT").splitlines()
        return [line for line in said if " done, " not in line]  # what a slow start is told every ten seconds

    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    assert predict(there, "--engine", "ray", "--address", two.address) == predict(here)
    assert there.read_bytes() == here.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("unlike", ["versions", "sight"])
def test_a_node_that_would_answer_otherwise_is_named(
    unlike: str, two: Any, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if unlike == "versions":
        monkeypatch.setattr(cluster, "VERSION", "9.9.9")
        expected = r"The node \S+ has digits \S+ instead of digits 9\.9\.9"
    else:
        monkeypatch.setattr(cluster, "_landmark", lambda _batches: "/only/here")
        expected = r"The node \S+ does not see /only/here"
    with pytest.raises(ClusterUnusable, match=expected):
        done_by(Cluster(RECIPE, two.address), items_of(scans))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nonsense"])
def test_an_address_without_a_cluster_is_told_at_once(address: str) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    with pytest.raises(ClusterUnusable, match=address):
        Cluster(RECIPE, address)


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterUnusable, match=r"pip install 'digits\[ray\]'"):
        Cluster(RECIPE)


def test_a_packed_recipe_brings_its_model(tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in MODEL.iterdir() if path.is_file()}
    recipe = Recipe(tmp_path / "convnet", Limits(), Shape())
    assert cluster.Packed(recipe, files).make().model.identity == load_model(MODEL).identity
