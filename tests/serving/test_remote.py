"""A folder through a service elsewhere: the rows are those of a run here, whatever happens on the way."""

import io
import os
import subprocess
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import started
from between import Answer, Between, between
from started import Started
from typer.testing import CliRunner, Result

from serving.catalogue import load_model
from serving.cli import app
from serving.folder import items, run
from serving.folder.chosen import ALL
from serving.folder.rows import Rows, Shape
from serving.folder.sinks import part_of
from serving.folder.sources import Sources
from serving.folder.walk import walk
from serving.folder.work import BATCH, Task, Worker
from serving.reading import Limits
from serving.remote.engine import ModelChanged, RemoteEngine
from serving.remote.faults import ServiceFault
from serving.remote.service import Service

ROOT = Path(__file__).parents[2]
FILES = 2 * BATCH + 9
LIMITS = Limits()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A service that takes little at once, so that halves of requests, and of these, are asked too."""
    little = {"DIGITS_MAX_FILES": "20", "DIGITS_MAX_BODY_BYTES": "60000", "DIGITS_MAX_REQUEST_PIXELS": "2000000"}
    bento = {"BENTOML_HOME": str(tmp_path_factory.mktemp("bentoml"))}
    environment = os.environ | little | bento | {"DIGITS_MODELS": str(ROOT / "models")}
    with started.service("--model", "convnet", environment=environment) as service:
        yield service


@pytest.fixture
def on_the_way(service: Started) -> Iterator[Between]:
    with between(service.url) as one:
        yield one


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory, digits: list[bytes], broken: dict[str, bytes]) -> str:
    folder = tmp_path_factory.mktemp("scans")
    for place in range(FILES):
        (folder / f"{place:04d}, “scan”\n.png").write_bytes(digits[place % 10])
    for reason, data in broken.items():
        (folder / f"0007-{reason}.png").write_bytes(data)
    with open(os.fsencode(folder) + b"/0008-\xff.png", "wb") as file:  # noqa: PTH123
        file.write(digits[8])
    (folder / "0009-more bytes than a request may have.png").write_bytes(digits[9] + bytes(70_000))
    return str(folder)


def through(
    url: str, scans: str, output: Path, shape: Shape, should_stop: Callable[[], bool] = lambda: False, **how: Any
) -> tuple[bytes, Counter[str]]:
    service = Service(url)
    offer = service.offers().get(None)
    engine = RemoteEngine(service, offer, LIMITS, shape, **how)
    head = Rows(shape, offer.identity, offer.card).head
    try:
        progress = run.to_file(
            walk(scans, ALL), engine, output, head, {"model": offer.identity}, lambda _progress: None, should_stop
        )
    finally:
        engine.close()
    return part_of(output).read_bytes(), progress.account.counts


def here(scans: str, shape: Shape, seen: Path | None = None) -> tuple[bytes, Counter[str]]:
    model, items = load_model(ROOT / "models" / "convnet"), list(walk(scans, ALL))
    worker = Worker(model, LIMITS, shape, seen)
    done = [worker(Task(start, items[start : start + BATCH])) for start in range(0, len(items), BATCH)]
    rows = Rows(shape, model.identity, model.card).head + b"".join(one.rows for one in done)
    return rows, sum((one.counts for one in done), Counter())


@pytest.mark.parametrize(
    "shape",
    [Shape("csv", probabilities=True, top=3), Shape("jsonl", top=2), Shape("kaggle")],
    ids=lambda shape: shape.format,
)
def test_the_rows_are_those_of_a_run_here(shape: Shape, service: Started, scans: str, tmp_path: Path) -> None:
    rows, counts = through(service.url, scans, tmp_path / "out", shape)
    expected, expected_counts = here(scans, shape)
    too_much = "0009-more bytes than a request may have.png"
    differing = [
        (ours, theirs) for ours, theirs in zip(expected.splitlines(), rows.splitlines(), strict=True) if ours != theirs
    ]
    if shape.format != "kaggle":
        # All but the file that is read here, and that this service lets no request have.
        ((ours, theirs),) = differing
        assert too_much in ours.decode()
        assert b"too_many_bytes" in theirs
    assert expected_counts - counts == Counter(digit=1)
    assert counts - expected_counts == Counter(rejected=1)


def test_the_pictures_that_were_seen_are_written_too(service: Started, scans: str, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    here(scans, Shape(), tmp_path / "here")
    through(service.url, scans, tmp_path / "out", Shape(), seen=tmp_path / "there")
    left = {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()}
    whole = {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()}
    assert len(left) == FILES + 1
    assert left == {name: data for name, data in whole.items() if "more_bytes" not in name}


@pytest.fixture(scope="module")
def undisturbed(service: Started, scans: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, int]:
    """The rows of a run that nothing disturbs, and how many requests it takes."""
    with between(service.url) as one:
        rows, _ = through(one.url, scans, tmp_path_factory.mktemp("undisturbed") / "out", Shape())
        return rows, len(one.asked)


def every_second(answer: Answer | type[Exception]) -> Callable[[str, str, bytes], Answer | None]:
    lock, count = threading.Lock(), [0]

    def before(_method: str, path: str, _body: bytes) -> Answer | None:
        if not path.startswith("/predict"):
            return None
        with lock:
            count[0] += 1
            if count[0] % 2:
                return None
        if isinstance(answer, Answer):
            return answer
        raise answer

    return before


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(503, {"retry-after": "0"}, b'{"error":{"code":"overloaded","message":"Too much is waiting here."}}'),
        Answer(
            429, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "content-type": "text/html"}, b"<html>slow down</html>"
        ),
        ConnectionResetError,
    ],
    ids=["503", "429", "connection lost"],
)
def test_what_is_busy_or_lost_is_asked_again(
    trouble: Answer | type[Exception],
    on_the_way: Between,
    undisturbed: tuple[bytes, int],
    scans: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.remote.patience.FIRST_PAUSE_S", 0.01)
    on_the_way.before = every_second(trouble)
    rows, _ = through(on_the_way.url, scans, tmp_path / "out", Shape())
    assert rows == undisturbed[0]
    assert len(on_the_way.asked) > 1.5 * undisturbed[1]


def test_retry_after_is_waited_for(on_the_way: Between, scans: str, tmp_path: Path) -> None:
    times: list[float] = []

    def once(_method: str, path: str, _body: bytes) -> Answer | None:
        if path.startswith("/predict"):
            times.append(time.monotonic())
            return Answer(503, {"retry-after": "1"}, b"") if len(times) == 1 else None
        return None

    on_the_way.before = once
    through(on_the_way.url, scans, tmp_path / "out", Shape(), requests=1)
    assert times[1] - times[0] >= 1


def test_a_service_that_stays_away_ends_the_run_which_goes_on_later(
    on_the_way: Between, undisturbed: tuple[bytes, int], scans: str, tmp_path: Path
) -> None:
    expected, requests = undisturbed
    asked = 0

    def dies(_method: str, path: str, _body: bytes) -> Answer | None:
        nonlocal asked
        asked += path.startswith("/predict")
        if asked > 18:
            raise ConnectionResetError
        return None

    on_the_way.before = dies
    with pytest.raises(ServiceFault, match="cannot be asked: .*; tried for 0.5 s"):
        through(on_the_way.url, scans, tmp_path / "out", Shape(), requests=1, patience_s=0.5)
    kept = part_of(tmp_path / "out").read_bytes()
    assert kept.count(b"\r\n") == 1 + BATCH
    assert expected.startswith(kept)
    on_the_way.before = lambda _method, _path, _body: None
    before = len(on_the_way.asked)
    rows, _ = through(on_the_way.url, scans, tmp_path / "out", Shape(), requests=1)
    assert rows == expected
    assert len(on_the_way.asked) - before < requests - 4, "what was finished is not asked again"


def test_another_model_by_the_same_name_ends_the_run(on_the_way: Between, scans: str, tmp_path: Path) -> None:
    answered = 0

    def changes(path: str, answer: Answer) -> Answer:
        nonlocal answered
        answered += path.startswith("/predict") and answer.status == 200
        if answered < 9 or not path.startswith("/predict"):
            return answer
        return Answer(answer.status, answer.headers, answer.body.replace(b"convnet@", b"convnet@f"))

    on_the_way.after = changes
    with pytest.raises(ModelChanged, match="convnet@f.* answers at .* now, no longer convnet@"):
        through(on_the_way.url, scans, tmp_path / "out", Shape(), requests=1)
    assert b"convnet@f" not in part_of(tmp_path / "out").read_bytes()


def test_no_more_requests_are_under_way_than_may_be(on_the_way: Between, scans: str, tmp_path: Path) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def enter(_method: str, _path: str, _body: bytes) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)

    def leave(_path: str, answer: Answer) -> Answer:
        nonlocal now
        with lock:
            now -= 1
        return answer

    on_the_way.before, on_the_way.after = enter, leave
    through(on_the_way.url, scans, tmp_path / "out", Shape(), requests=2)
    assert most == 2


def test_large_files_go_in_several_requests(
    on_the_way: Between, digits: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.remote.engine.ENOUGH_BYTES", 20_000)
    (tmp_path / "scans").mkdir()
    for digit, data in enumerate(digits):
        (tmp_path / "scans" / f"{digit}.png").write_bytes(data + bytes(9_000))
    bodies: list[int] = []
    on_the_way.before = lambda _method, path, body: bodies.append(len(body)) if path.startswith("/predict") else None
    rows, counts = through(on_the_way.url, str(tmp_path / "scans"), tmp_path / "out", Shape())
    assert counts == Counter(digit=10)
    assert [row.split(b",")[2] for row in rows.splitlines()[1:]] == [str(digit).encode() for digit in range(10)]
    assert len(bodies) == 4
    assert max(bodies) < 20_000 + 10_000


def test_a_compressed_archive_is_read_forwards(
    service: Started, digits: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "scans.tar.gz", "w:gz") as archive:
        for place in range(3 * BATCH):
            member = tarfile.TarInfo(f"{place:04d}.png")
            member.size = len(digits[place % 10])
            archive.addfile(member, io.BytesIO(digits[place % 10]))
    read: list[int] = []
    fetch = items.fetch

    def watched(item: items.Item, limits: Limits) -> items.Fetched:
        time.sleep(0.001)  # so that the others have their chance
        assert isinstance(item, items.TarMember)
        read.append(item.offset)
        return fetch(item, limits)

    monkeypatch.setattr("serving.remote.engine.fetch", watched)
    named = iter(Sources([str(tmp_path / "scans.tar.gz")]))
    with Service(service.url) as one:
        engine = RemoteEngine(one, one.offers().get(None), LIMITS, Shape())
        counts = sum((done.counts for done in engine.done(named, 0, lambda: False)), Counter())
        engine.close()
    assert counts == Counter(digit=3 * BATCH)
    assert sum(after < before for before, after in pairwise(read)) <= 2, "no more often than there are tasks"


def test_a_run_that_waits_for_a_service_stops_at_once(on_the_way: Between, scans: str, tmp_path: Path) -> None:
    waiting = threading.Event()

    def busy(_method: str, path: str, _body: bytes) -> Answer | None:
        if not path.startswith("/predict"):
            return None
        waiting.set()
        return Answer(503, {"retry-after": "60"}, b"")

    on_the_way.before = busy
    began = time.monotonic()
    with pytest.raises(run.Stopped):
        through(on_the_way.url, scans, tmp_path / "out", Shape(), waiting.is_set)
    assert time.monotonic() - began < 5


def test_an_answer_that_is_not_known_here_is_no_row(on_the_way: Between, scans: str, tmp_path: Path) -> None:
    on_the_way.after = lambda _path, answer: Answer(
        answer.status, answer.headers, answer.body.replace(b'"reason":"truncated"', b'"reason":"unheard of"')
    )
    with pytest.raises(ServiceFault, match="not known here"):
        through(on_the_way.url, scans, tmp_path / "out", Shape())


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)], env={"DIGITS_MODELS": str(ROOT / "models")})


def test_the_command_writes_the_same_file_through_a_service(
    service: Started, digits: list[bytes], broken: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "scans").mkdir()
    for name, data in {**{f"{digit}.png": data for digit, data in enumerate(digits)}, **broken}.items():
        (tmp_path / "scans" / name).write_bytes(data)
    for ending in ("csv", "jsonl"):
        there, local = tmp_path / f"there.{ending}", tmp_path / f"here.{ending}"
        asked = predict(tmp_path / "scans", "-o", there, "--server", service.url, "--model", "reader", "--top", 2)
        assert asked.exit_code == 0, asked.stderr
        assert "17 found = 10 digit + " in asked.stderr
        options = ["--model", "reader", "--top", "2", "--models", ROOT / "models"]
        subprocess.run(
            [*started.DIGITS, "predict", tmp_path / "scans", "-o", local, *options], check=True, capture_output=True
        )
        assert there.read_bytes() == local.read_bytes()


def test_a_command_that_was_left_alone_goes_on_only_with_the_same_model(
    on_the_way: Between, scans: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RemoteEngine.__init__.__kwdefaults__, "patience_s", 0.1)
    answered = 0

    def falls_silent(path: str, answer: Answer) -> Answer:
        nonlocal answered
        answered += path.startswith("/predict")
        return Answer(503, {}, b"") if answered > 20 and path.startswith("/predict") else answer

    on_the_way.after = falls_silent
    command = (scans, "-o", tmp_path / "out.csv", "--server", on_the_way.url, "--workers", 1)
    result = predict(*command)
    assert (result.exit_code, result.stderr.count("\n")) == (3, 1)
    assert "with 503: nothing; tried for" in result.stderr
    assert "has the rows so far; the same command goes on from there" in result.stderr
    result = predict(*command, "--model", "reader")
    assert result.exit_code == 2
    assert "cannot be continued" in result.stderr
    on_the_way.after = lambda path, answer: (
        answer.say({"info": {"version": "0.0.1"}}) if path == "/docs.json" else falls_silent(path, answer)
    )
    assert "cannot be continued" in predict(*command).stderr, "another version may read pictures in another way"
    on_the_way.after = lambda _path, answer: answer
    assert predict(*command).exit_code == 0
    assert predict(scans, "-o", tmp_path / "whole.csv", "--server", on_the_way.url).exit_code == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("--server", "{url}", "--model", "convnot"), 2, "The service has no model 'convnot'. Models: champion, "),
        (("--server", "127.0.0.1:3000"), 2, "'127.0.0.1:3000' is no URL of a service"),
        (("--server", "http://127.0.0.1:{free}"), 3, "cannot be asked: nothing listens there"),
        (("--server", "{url}", "--device", "cpu"), 2, "The service runs the model, so --device cannot be given"),
    ],
)
def test_a_mistake_gets_one_clear_line(
    arguments: tuple[str, ...], code: int, line: str, service: Started, scans: str, tmp_path: Path
) -> None:
    given = [one.format(url=service.url, free=started.free_port()) for one in arguments]
    result = predict(scans, "-o", tmp_path / "out.csv", *given)
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1)
    assert line in result.stderr
    assert not (tmp_path / "out.csv").exists()
