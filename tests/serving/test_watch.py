"""Models that change while they are served: taken up whole, one beside the other, with the old one answering meanwhile."""

import asyncio
import json
import logging
import os
import re
import shutil
import statistics
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from started import Started, service

from serving.card import CLASSES
from serving.catalogue import Catalogue, Model, ModelRefused, load_catalogue, load_model
from serving.engine import Engine
from serving.http.api import Api
from serving.lineup import Lineup
from serving.meter import Meter
from serving.reading import Limits, read
from serving.runtime import WIDTH, Pictures, Rows, Session
from serving.settings import CPU, Settings
from serving.watch import Watch

MODELS = Path(__file__).parents[2] / "models"
FIRST, SECOND = "logistic_regression", "softmax_regression"
"""Two of the committed models, small ones, that stand in for one model before and after a training."""


def card_of(source: str, name: str) -> str:
    return json.dumps(json.loads((MODELS / source / "card.json").read_text()) | {"name": name})


def place(source: str, folder: Path) -> str:
    """Write a committed model into a folder, under the folder's name. Returns its identity there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "card.json").write_text(card_of(source, folder.name))
    shutil.copyfile(MODELS / source / "model.onnx", folder / "model.onnx")
    return identity(source, folder.name)


def identity(source: str, name: str) -> str:
    return f"{name}@{json.loads((MODELS / source / 'card.json').read_text())['onnx_sha256'][:12]}"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with the model `digits`, which is the default, and `other`."""
    place(FIRST, tmp_path / "models" / "digits")
    place(FIRST, tmp_path / "models" / "other")
    return tmp_path / "models"


@pytest.fixture
def lineup(models: Path) -> Lineup:
    return Lineup(load_catalogue(models), Settings(models=models, model="digits"), Meter())


@pytest.fixture
def watch(lineup: Lineup, models: Path) -> Watch:
    return Watch(lineup, models, CPU)


def look(watch: Watch, times: int = 1) -> None:
    for _ in range(times):
        asyncio.run(watch.look())


def answering(lineup: Lineup) -> dict[str, str]:
    return {name: model.identity for name, model in lineup.catalogue.models.items()}


def states(lineup: Lineup) -> dict[str, str]:
    return {name: standing.state for name, standing in lineup.standings.items()}


def test_what_has_not_changed_is_not_loaded_again(watch: Watch, lineup: Lineup) -> None:
    before = {name: lineup.get(name) for name in ("digits", "other")}
    look(watch, 4)
    assert all(lineup.get(name) is served for name, served in before.items())


def test_a_changed_model_is_taken_up_when_it_lies_still_for_two_looks(watch: Watch, lineup: Lineup, models: Path) -> None:
    other, since = lineup.get("other"), lineup.standings["digits"].since
    new = place(SECOND, models / "digits")
    look(watch)
    assert lineup.default.identity == identity(FIRST, "digits")
    look(watch)
    assert lineup.default.identity == lineup.get("digits").identity == new
    assert lineup.standings["digits"].since > since
    assert lineup.get("other") is other


def test_a_folder_that_takes_the_place_of_another_is_taken_up(watch: Watch, lineup: Lineup, models: Path) -> None:
    place(SECOND, models.parent / "made" / "digits")
    (models / "digits").rename(models.parent / "old")
    (models.parent / "made" / "digits").rename(models / "digits")
    look(watch, 2)
    assert lineup.default.identity == identity(SECOND, "digits")


def test_a_model_that_is_being_copied_is_not_taken_half_way(
    watch: Watch, lineup: Lineup, models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = (MODELS / SECOND / "model.onnx").read_bytes()
    (models / "digits" / "card.json").write_text(card_of(SECOND, "digits"))  # the card first, as an alphabet has it
    (models / "digits" / "model.onnx").write_bytes(b"")
    for start in range(0, len(content), 4096):
        with (models / "digits" / "model.onnx").open("ab") as file:
            file.write(content[start : start + 4096])
        look(watch)
        assert answering(lineup)["digits"] == identity(FIRST, "digits")
    look(watch)
    assert answering(lineup)["digits"] == identity(SECOND, "digits")
    assert not lineup.catalogue.refused
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


def test_a_copy_that_pauses_is_refused_and_taken_up_when_it_goes_on(watch: Watch, lineup: Lineup, models: Path) -> None:
    content = (MODELS / SECOND / "model.onnx").read_bytes()
    (models / "digits" / "card.json").write_text(card_of(SECOND, "digits"))
    (models / "digits" / "model.onnx").write_bytes(content[:-100])
    look(watch, 3)
    assert "digits/model.onnx is not the file that its card proves" in lineup.catalogue.refused["digits"]
    with (models / "digits" / "model.onnx").open("ab") as file:
        file.write(content[-100:])
    look(watch, 2)
    assert (answering(lineup)["digits"], states(lineup)["digits"]) == (identity(SECOND, "digits"), "serving")


def damaged(folder: Path) -> None:
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"\0")


def without_model(folder: Path) -> None:
    (folder / "model.onnx").unlink()


def with_a_broken_card(folder: Path) -> None:
    (folder / "card.json").write_text("{")


def of_another_name(folder: Path) -> None:
    (folder / "card.json").write_text(card_of(SECOND, "third"))


@pytest.mark.parametrize("fault", [damaged, without_model, with_a_broken_card, of_another_name])
@pytest.mark.parametrize("name", ["digits", "other"])
def test_one_that_fails_leaves_the_old_one_serving_and_says_so_once(
    name: str,
    fault: Callable[[Path], None],
    watch: Watch,
    lineup: Lineup,
    models: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = lineup.get(name)
    fault(models / name)
    look(watch, 5)
    assert lineup.get(name) is before
    assert states(lineup) == {"digits": "serving", "other": "serving"} | {name: "kept"}
    reason = lineup.catalogue.refused[name]
    assert reason.startswith(f"{name}/")
    assert str(models) not in reason
    (said,) = [one.getMessage() for one in caplog.records]
    assert said == f"A changed model is not served: {reason}; {before.identity} answers as before"

    place(SECOND, models / name)
    look(watch, 2)
    assert lineup.get(name).identity == identity(SECOND, name)
    assert states(lineup)[name] == "serving"
    assert not lineup.catalogue.refused


def test_a_new_folder_appears_and_a_removed_one_goes(watch: Watch, lineup: Lineup, models: Path) -> None:
    place(SECOND, models / "added")
    look(watch, 2)
    assert answering(lineup) == {
        "added": identity(SECOND, "added"), "digits": identity(FIRST, "digits"), "other": identity(FIRST, "other"),
    }  # fmt: skip
    for name in ("added", "other"):
        shutil.rmtree(models / name)
    look(watch)
    assert set(answering(lineup)) == {"added", "digits", "other"}
    look(watch)
    assert answering(lineup) == {"digits": identity(FIRST, "digits")}
    assert states(lineup) == {"digits": "serving"}
    with pytest.raises(ModelRefused, match="There is no model 'added'. Models: digits"):
        lineup.get("added")
    place(FIRST, models / "added")
    look(watch, 2)
    assert answering(lineup)["added"] == identity(FIRST, "added")


def test_a_new_folder_that_cannot_be_loaded_is_named_until_it_goes(watch: Watch, lineup: Lineup, models: Path) -> None:
    place(SECOND, models / "added")
    damaged(models / "added")
    look(watch, 3)
    assert states(lineup)["added"] == "refused"
    with pytest.raises(ModelRefused, match="added/model.onnx is not the file that its card proves"):
        lineup.get("added")
    shutil.rmtree(models / "added")
    look(watch, 2)
    assert states(lineup) == {"digits": "serving", "other": "serving"}
    assert not lineup.catalogue.refused


def test_what_was_refused_at_the_start_goes_with_its_folder(models: Path) -> None:
    for name in ("broken", "mended"):
        place(SECOND, models / name)
        damaged(models / name)
    lineup = Lineup(load_catalogue(models), Settings(models=models, model="digits"), Meter())
    watch = Watch(lineup, models, CPU)
    assert states(lineup) == {"broken": "refused", "digits": "serving", "mended": "refused", "other": "serving"}
    shutil.rmtree(models / "broken")
    place(SECOND, models / "mended")
    look(watch, 2)
    assert states(lineup) == {"digits": "serving", "mended": "serving", "other": "serving"}


def test_what_is_refused_as_before_is_not_said_again(models: Path, caplog: pytest.LogCaptureFixture) -> None:
    place(SECOND, models / "broken")
    damaged(models / "broken")
    lineup = Lineup(load_catalogue(models), Settings(models=models, model="digits"), Meter())
    before = lineup.standings["broken"]
    look(Watch(lineup, models, CPU), 4)
    (models / "broken" / "card.json").touch()
    look(Watch(lineup, models, CPU), 4)
    assert lineup.standings["broken"] == before
    assert len(caplog.records) == 1


def test_the_default_stays_until_something_replaces_it(
    watch: Watch, lineup: Lineup, models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = lineup.default
    shutil.rmtree(models / "digits")
    look(watch, 4)
    assert lineup.default is lineup.get("digits") is before
    assert lineup.catalogue.refused == {"digits": "digits is gone"}
    assert states(lineup)["digits"] == "kept"
    assert len(caplog.records) == 1
    place(SECOND, models / "digits")
    look(watch, 2)
    assert (lineup.default.identity, states(lineup)["digits"]) == (identity(SECOND, "digits"), "serving")
    assert not lineup.catalogue.refused


def test_a_folder_of_models_that_cannot_be_read_is_no_empty_one(
    watch: Watch, lineup: Lineup, models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = {name: lineup.get(name) for name in ("digits", "other")}
    models.rename(models.parent / "away")
    look(watch, 3)
    assert [one.getMessage() for one in caplog.records] == [
        "The folder of models cannot be read (No such file or directory); what was loaded answers as before"
    ]
    (models.parent / "away").rename(models)
    look(watch, 3)
    assert all(lineup.get(name) is served for name, served in before.items())


def test_hidden_folders_are_no_models(watch: Watch, lineup: Lineup, models: Path) -> None:
    place(SECOND, models / ".export-x")
    look(watch, 3)
    assert set(states(lineup)) == {"digits", "other"} == set(load_catalogue(models).models)


class Failing:
    """The session of a model that loads and cannot be run."""

    device = "cpu"

    def rows(self, pictures: Pictures) -> Rows:
        raise RuntimeError(f"no room for {len(pictures)}")


def test_a_model_that_cannot_be_run_is_refused(model: Model, models: Path) -> None:
    failing: Any = Failing()
    catalogue = Catalogue({"convnet": model, "failing": Model(card_named("failing", model), failing)}, {})
    lineup = Lineup(catalogue, Settings(models=models, model="convnet"), Meter())
    assert lineup.catalogue.refused == {"failing": "failing cannot be run"}
    assert lineup.default.identity == model.identity


class Slow:
    """The session of a model that takes so much of its own time for each picture, and so much of waiting for others."""

    device = "cpu"

    def __init__(self, works: float, waits: float) -> None:
        self._works, self._waits = works, waits
        self.runs: list[tuple[str, int]] = []

    def rows(self, pictures: Pictures) -> Rows:
        self.runs.append((threading.current_thread().name, len(pictures)))
        time.sleep(self._waits)
        until = time.thread_time() + self._works * len(pictures)
        while time.thread_time() < until:
            pass
        return np.zeros((len(pictures), WIDTH), np.float32)


@pytest.mark.parametrize(
    ("works", "waits", "where", "most"),
    [
        (1e-5, 0.0, "MainThread", 64),
        (1e-5, 0.02, "MainThread", 64),
        (2e-4, 0.0, "run-slow_0", 64),
        (2e-3, 0.0, "run-slow_0", 10),
    ],
)
def test_a_model_runs_where_and_in_batches_as_its_own_time_allows(
    works: float, waits: float, where: str, most: int, model: Model, models: Path
) -> None:
    session: Any = Slow(works, waits)
    catalogue = Catalogue({"slow": Model(card_named("slow", model), session)}, {})
    engine = Engine(catalogue, Settings(models=models, model="slow"), Meter())
    session.runs.clear()
    rows = asyncio.run(engine.rows(np.zeros((100, 28, 28), np.uint8), engine.default))
    assert len(rows) == sum(count for _, count in session.runs) == 100
    assert {thread for thread, _ in session.runs} == {where}
    assert most * 0.7 <= max(count for _, count in session.runs) <= most


def card_named(name: str, model: Model) -> Any:
    return type(model.card)(**{field: getattr(model.card, field) for field in model.card.__slots__} | {"name": name})


def test_who_has_begun_with_a_model_ends_with_it_and_then_it_is_freed(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.lineup.QUICK_BATCH", -1)  # so that each has a thread too
    settings = Settings(models=models, model="digits")
    engine = Engine(load_catalogue(models), settings, Meter())
    watch = Watch(engine.lineup, models, CPU)
    pictures = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    old, new = (load_model(MODELS / source).session.rows(pictures) for source in (FIRST, SECOND))

    async def swap() -> tuple[weakref.ref[Session], Rows, Rows]:
        served = engine.get("digits")
        await engine.rows(pictures, served)  # which begins its thread
        place(SECOND, models / "digits")
        await watch.look()
        await watch.look()
        # Asked for after the swap, by who had found the model before it.
        return (
            weakref.ref(served.model.session),
            await engine.rows(pictures, served),
            await engine.rows(pictures, engine.get("digits")),
        )

    session, before, after = asyncio.run(swap())
    np.testing.assert_array_equal(before, old)
    np.testing.assert_array_equal(after, new)
    assert session() is None
    until = time.monotonic() + 5
    while (running := threads_of("digits")) > 1 and time.monotonic() < until:
        time.sleep(0.01)
    assert running == 1, "the new model's thread, and no longer the old one's"


def threads_of(name: str) -> int:
    return sum(thread.name.startswith(f"run-{name}_") for thread in threading.enumerate())


def test_the_lifespan_watches_and_the_routes_tell(models: Path, digits: list[bytes]) -> None:
    asyncio.run(live(models, digits))


async def live(models: Path, digits: list[bytes]) -> None:
    over, started = asyncio.Event(), asyncio.Event()

    async def inner(_scope: Any, _receive: Any, _send: Any) -> None:
        started.set()
        await over.wait()

    settings = Settings(models=models, model="digits")
    catalogue = load_catalogue(models)
    first = weakref.ref(catalogue.models["digits"].session)
    api = Api(inner, catalogue, settings)
    del catalogue
    lifespan = asyncio.create_task(api({"type": "lifespan"}, None, None))
    await started.wait()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://digits") as client:

        async def told(path: str) -> Any:
            return (await client.get(path)).json()

        async def until(condition: Callable[[Any], bool]) -> Any:
            for _ in range(100):
                if condition(answer := await told("/models")):
                    return answer
                await asyncio.sleep(0.1)
            raise AssertionError(answer)

        new = place(SECOND, models / "digits")
        damaged(models / "other")
        told_models = await until(lambda told: told["states"]["digits"]["identity"] == new and told["refused"])
        standing = told_models["states"]["other"]
        assert (standing["state"], standing["identity"]) == ("kept", identity(FIRST, "other"))
        assert (standing["runtime"].split()[0], standing["device"]) == ("onnxruntime", "cpu")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", standing["since"])
        assert told_models["default"] == "digits"
        assert [card["name"] for card in told_models["models"]] == ["digits", "other"]
        assert "other/model.onnx is not the file" in told_models["refused"]["other"]

        ready = await client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["models"] == {"digits": new, "other": identity(FIRST, "other")}
        assert ready.json()["devices"] == {"digits": "cpu", "other": "cpu"}
        assert ready.json()["refused"] == told_models["refused"]
        answer = (await client.post("/predict", content=digits[3], headers={"content-type": "image/png"})).json()
        assert answer["model"] == answer["predictions"][0]["model"] == new
        assert first() is None, "the one from the start is freed"

        shutil.rmtree(models / "other")
        await until(lambda told: set(told["states"]) == {"digits"})
        assert (await client.get("/models/other")).status_code == 404
        assert str(models) not in json.dumps([told_models, ready.json()])
    over.set()
    await lifespan
    assert asyncio.all_tasks() == {asyncio.current_task()}


class Load:
    """Clients that ask a service for one picture at a time, and hold every answer against the model that it names."""

    def __init__(self, server: Started, name: str, digits: list[bytes], sources: tuple[str, ...]) -> None:
        self._url, self._digits = f"{server.url}/predict?model={name}", digits
        pictures = np.stack([read(data, "digit", Limits()).picture for data in digits])
        self._expected = {
            identity(source, name): load_model(MODELS / source).session.rows(pictures)[:, :CLASSES] for source in sources
        }
        self.answers, self.faults = 0, list[str]()
        self.latest: dict[str, str] = {}
        """By worker, whom a request's id tells: which model its last answer was of."""
        self._over = threading.Event()

    @contextmanager
    def running(self, clients: int) -> Iterator[None]:
        threads = [threading.Thread(target=self._ask, args=(place,)) for place in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _ask(self, first: int) -> None:
        while not self._over.is_set():
            with httpx.Client(timeout=20, trust_env=False) as client:  # anew, so that each worker has its share
                for place in [*range(first, 10), *range(first)] * 2:
                    try:
                        self._check(client.post(self._url, files={"f": self._digits[place]}), place)
                    except httpx.HTTPError as error:
                        self.faults.append(repr(error))

    def _check(self, response: httpx.Response, place: int) -> None:
        if response.status_code != 200:
            self.faults.append(response.text)
            return
        told = response.json()
        (one,) = told["predictions"]
        got, expected = one["probabilities"], self._expected[told["model"]][place]
        if one["model"] != told["model"] or np.abs(np.array(got) - expected).max() > 1e-6:
            self.faults.append(f"{told} is not what {told['model']} says of {place}")
        self.answers += 1
        self.latest[response.headers["x-request-id"].split("-")[0]] = told["model"]


def shared_megabytes(server: Started) -> float:
    """Of all its processes, each page divided by how many have it."""
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in server.pids()]
    return sum(int(found[1]) for text in texts if (found := re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE))) / 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_twenty_swaps_under_load_lose_nothing_mix_nothing_up_and_take_no_memory(
    models: Path, digits: list[bytes], tmp_path: Path
) -> None:
    sources = ("convnet", "convnet_dropout")
    place(sources[0], models / "swapped")
    environment = os.environ | {"BENTOML_HOME": str(tmp_path / "home")}
    arguments = ("--models", str(models), "--model", "digits", "--workers", "2")
    with service(*arguments, environment=environment, folder=tmp_path) as server:
        load, took, megabytes = Load(server, "swapped", digits, sources), [], []
        with load.running(4):
            until = time.monotonic() + 20
            while len(load.latest) < 2 and time.monotonic() < until:
                time.sleep(0.05)
            assert len(load.latest) == 2, "both workers answer"
            for swap in range(20):
                new, began = place(sources[(swap + 1) % 2], models / "swapped"), time.monotonic()
                while set(load.latest.values()) != {new} and time.monotonic() < began + 20:
                    time.sleep(0.02)
                took.append(time.monotonic() - began)
                megabytes.append(shared_megabytes(server))
        assert load.faults == []
        assert load.answers > 100
        assert max(took) < 3, f"both workers have it within three seconds: {took}"
        # The first ones touch memory that is used again. Sixty swaps end where ten do, 10 MB up and down on the way;
        # sessions left behind would be 7 MB each, in each worker.
        assert statistics.median(megabytes[-6:]) - statistics.median(megabytes[4:10]) < 25, megabytes
        assert "ERROR" not in server.log.read_text()
