"""One line a request, which nobody waits for."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from serving import meter
from serving.catalogue import Catalogue, Model
from serving.http import access_log
from serving.http.access_log import AccessLog
from serving.http.api import Api
from serving.http.messages import Request, Response
from serving.meter import Meter
from serving.outcome import Blank, Prediction
from serving.settings import Settings, find_models

KEYS = [
    "time", "id", "client", "method", "route", "path", "status", "error", "bytes_in", "bytes_out", "ms", "model", "pictures",
    "answers", "trace",
]  # fmt: skip
ANSWERED = Response(200, b"{}\n")


def request(path: bytes = b"/predict", method: str = "POST") -> Request:
    scope = {
        "method": method, "path": "/predict", "raw_path": path, "query_string": b"", "headers": [],
        "client": ("192.0.2.7", 4711),
    }  # fmt: skip

    async def receive() -> Any:
        raise AssertionError("nothing is read any more")

    return Request(scope, receive, 0.0)


def lost(counts: Meter) -> float:
    (told,) = counts.all_workers()
    return float(told.tables["service"]["other",][meter.LOST_LINES])


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Any]:
    with (tmp_path / "log").open("wb") as file:
        yield file


def lines(file: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(file.name).read_text("utf-8").splitlines()]


def test_a_line_tells_what_became_of_a_request(file: Any) -> None:
    log = AccessLog("all", Meter(), stream=file.fileno(), trace=lambda: "ab" * 16)
    asked = request()
    asked.id, asked.received, asked.model, asked.pictures = "id-1", 345, "reader@d511817f6503", 3
    seven = Prediction("digit", 7, [0.1] * 10, np.zeros((28, 28), np.uint8))
    asked.outcomes = [seven, Blank(seven.picture), seven]
    log.request(asked, ANSWERED, "/predict", 0.0012345)
    log.request(request(method="HEAD"), Response(404, b"1234"), "unknown", 0.5)
    log.close()
    first, second = lines(file)
    assert list(first) == list(second) == KEYS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert first == {
        "id": "id-1", "client": "192.0.2.7", "method": "POST", "route": "/predict", "path": "/predict", "status": 200,
        "error": None, "bytes_in": 345, "bytes_out": 3, "ms": 1.234, "model": "reader@d511817f6503", "pictures": 3,
        "answers": {"digit": 2, "blank": 1}, "trace": "ab" * 16,
    }  # fmt: skip
    assert (second["status"], second["bytes_out"], second["model"], second["answers"]) == (404, 0, None, {})


def test_the_time_is_that_of_now_in_utc(file: Any) -> None:
    log = AccessLog("all", Meter(), stream=file.fileno())
    before = time.time()
    for _ in range(300):
        log.request(request(), ANSWERED, "/predict", 0.01)
        time.sleep(0.004)
    after = time.time()
    log.close()
    told = [line["time"] for line in lines(file)]
    assert told == sorted(told)
    seconds = [np.datetime64(text.removesuffix("Z"), "ms").astype(int) / 1000 for text in (told[0], told[-1])]
    assert before - 0.001 <= seconds[0] <= seconds[1] <= after


def test_unless_it_is_to_tell_of_all_it_tells_of_errors_and_of_what_took_long(file: Any) -> None:
    log = AccessLog("errors", Meter(), stream=file.fileno())
    for status, seconds in ((200, 0.9), (304, 0.1), (400, 0.1), (503, 0.1), (200, 1.1)):
        log.request(request(), Response(status, b""), "/predict", seconds)
    log.close()
    assert [line["status"] for line in lines(file)] == [400, 503, 200]


def test_it_can_be_off(file: Any) -> None:
    log = AccessLog("off", Meter(), stream=file.fileno())
    before = threading.active_count()
    log.request(request(), Response(500, b""), "/predict", 99)
    assert threading.active_count() == before
    log.close()
    assert lines(file) == []


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"/a%20b", "/a%20b"),
        (b'/"\\', '/"\\'),
        (b"/\x1b[31m\n\r\x00 ", "/%1B[31m%0A%0D%00%20"),
        ("/é\u009b31m\u202e".encode(), "/%C3%A9%C2%9B31m%E2%80%AE"),
        (b"/" + b"x" * 500, "/" + "x" * 199),
        (b"/" + b"\xff" * 500, "/" + "%FF" * 199),
    ],
)
def test_a_path_is_told_as_it_was_sent_but_can_do_no_harm(file: Any, sent: bytes, told: str) -> None:
    log = AccessLog("all", Meter(), stream=file.fileno())
    log.request(request(sent), ANSWERED, "unknown", 0.1)
    log.close()
    text = Path(file.name).read_bytes()
    assert text.isascii()
    assert text.count(b"\n") == 1
    assert min(text[:-1]) >= 0x20
    assert lines(file)[0]["path"] == told
    assert len(text) < access_log.PIECE


def test_lines_come_while_the_service_runs(file: Any) -> None:
    log = AccessLog("all", Meter(), stream=file.fileno())
    for count in (1, 2):
        log.request(request(), ANSWERED, "/predict", 0.1)
        until = time.monotonic() + 5
        while len(lines(file)) < count and time.monotonic() < until:
            time.sleep(0.01)
        assert len(lines(file)) == count
    log.close()


def test_a_pipe_that_nobody_reads_holds_nobody_up_and_what_is_lost_is_told() -> None:
    reader, writer = os.pipe()
    counts = Meter()
    log = AccessLog("all", counts, stream=writer)
    sent, longest = 40_000, 0.0
    for place in range(sent):
        asked = request(b"/" + b"x" * 150)
        asked.id = str(place)
        began = time.perf_counter()
        log.request(asked, ANSWERED, "/predict", 0.1)
        longest = max(longest, time.perf_counter() - began)
    assert longest < 0.5, "it never waits; half a second is for a busy machine"
    told_lost = lost(counts)
    assert 0 < told_lost < sent

    texts: list[bytes] = []
    reading = threading.Thread(target=lambda: texts.extend(iter(lambda: os.read(reader, 65536), b"")))
    reading.start()
    until = time.monotonic() + 20
    while b"".join(texts).count(b"\n") < sent - told_lost + 1 and time.monotonic() < until:
        time.sleep(0.05)
    log.request(request(), ANSWERED, "/predict", 0.2)
    log.close()
    os.close(writer)
    reading.join()
    os.close(reader)
    told = [json.loads(line) for line in b"".join(texts).splitlines()]
    assert [line["lost_lines"] for line in told if "lost_lines" in line] == [told_lost] == [lost(counts)]
    ids = [int(line["id"]) for line in told if line.get("id")]
    assert ids == sorted(ids)
    assert len(ids) == sent - told_lost
    assert told[-1]["ms"] == 200, "it has gone on"


def test_where_nobody_listens_any_more_requests_go_on_and_lines_are_lost() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    counts = Meter()
    log = AccessLog("all", counts, stream=writer)
    for _ in range(3):
        log.request(request(), ANSWERED, "/predict", 0.1)
        time.sleep(0.25)
    log.close()
    os.close(writer)
    assert lost(counts) == 3


def test_a_stream_that_does_not_block_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    counts = Meter()
    log = AccessLog("all", counts, stream=writer)
    for _ in range(1000):
        log.request(request(), ANSWERED, "/predict", 0.1)
    texts: list[bytes] = []
    reading = threading.Thread(target=lambda: texts.extend(iter(lambda: os.read(reader, 4000), b"")))
    reading.start()
    log.close()
    os.close(writer)
    reading.join()
    os.close(reader)
    assert len([json.loads(line) for line in b"".join(texts).splitlines()]) == 1000
    assert lost(counts) == 0


def test_an_end_waits_for_a_reader_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "LAST", 0.3)
    reader, writer = os.pipe()
    log = AccessLog("all", Meter(), stream=writer)
    for _ in range(1000):
        log.request(request(), ANSWERED, "/predict", 0.1)
    began = time.monotonic()
    log.close()
    assert 0.25 < time.monotonic() - began < 5
    os.read(reader, 100_000)
    os.close(reader)  # lets the writer go
    (thread,) = (one for one in threading.enumerate() if one.name == "access-log")
    thread.join(5)  # it still says what was lost, which may not come to whatever has the file's number next
    assert not thread.is_alive()
    os.close(writer)


WORKER = """
import sys
sys.path.insert(0, sys.argv[2])
from test_access_log import ANSWERED, request
from serving.http.access_log import AccessLog
from serving.meter import Meter

log = AccessLog("all", Meter())
print("ready", file=sys.stderr, flush=True)
sys.stdin.readline()
for place in range(5000):
    asked = request(b"/" + sys.argv[1].encode() * (place % 190))
    asked.id = sys.argv[1] + str(place)
    log.request(asked, ANSWERED, "/predict", 0.1)
log.close()
"""


def test_lines_of_two_workers_do_not_run_into_each_other() -> None:
    reader, writer = os.pipe()
    command, pipe = [sys.executable, "-c", WORKER], subprocess.PIPE
    folder = str(Path(__file__).parent)
    workers = [subprocess.Popen([*command, name, folder], stdin=pipe, stdout=writer, stderr=pipe) for name in "ab"]
    os.close(writer)
    for worker in workers:
        assert worker.stderr
        assert worker.stderr.readline() == b"ready\n"
    for worker in workers:
        assert worker.stdin
        worker.stdin.write(b"\n")
        worker.stdin.flush()
    time.sleep(1)  # both have more to write than the pipe takes
    text = b"".join(iter(lambda: os.read(reader, 3000), b""))
    os.close(reader)
    assert [worker.communicate() for worker in workers] == [(None, b"")] * 2
    told = [json.loads(line) for line in text.splitlines()]
    for name in "ab":
        own = [(line["id"], line["path"]) for line in told if line["id"].startswith(name)]
        assert own == [(f"{name}{place}", "/" + name * (place % 190)) for place in range(5000)]


class TestService:
    """The application, with a log."""

    @pytest.fixture
    def api(self, model: Model, file: Any) -> Api:
        async def inner(_scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

        counts = Meter()
        settings = Settings(models=find_models(), model="convnet", max_body_bytes=100_000)
        return Api(
            inner, Catalogue({"convnet": model}, {}), settings, counts, AccessLog("all", counts, stream=file.fileno())
        )

    def close(self, api: Api) -> None:
        async def go() -> None:
            events = iter(["lifespan.startup", "lifespan.shutdown"])

            async def receive() -> Any:
                return {"type": next(events)}

            async def send(_message: Any) -> None:
                """Nobody asked."""

            await api({"type": "lifespan"}, receive, send)

        asyncio.run(go())

    def test_every_request_has_its_line_before_the_worker_ends(
        self, api: Api, model: Model, digits: list[bytes], file: Any
    ) -> None:
        async def ask() -> list[httpx.Response]:
            transport = httpx.ASGITransport(api, client=("192.0.2.9", 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://digits") as client:
                files = [("file", ("a.png", data)) for data in [*digits, b"no picture"]]
                return [
                    await client.post("/predict?model=convnet", files=files, headers={"x-request-id": "mine"}),
                    await client.get("/models/nothing"),
                    await client.get("/n%6Fwhere"),
                    await client.post("/predict", content=bytes(200_000), headers={"content-type": "image/png"}),
                ]

        responses = asyncio.run(ask())
        self.close(api)
        told = lines(file)
        assert [line["status"] for line in told] == [response.status_code for response in responses] == [200, 404, 404, 413]
        assert [line["id"] for line in told] == [response.headers["x-request-id"] for response in responses]
        assert [line["bytes_out"] for line in told] == [len(response.content) for response in responses]
        assert [line["error"] for line in told] == [None, "unknown_model", "not_found", "too_many_bytes"]
        assert [line["route"] for line in told] == ["/predict", "/models/{name}", "unknown", "/predict"]
        assert [line["path"] for line in told] == ["/predict", "/models/nothing", "/n%6Fwhere", "/predict"]
        first = told[0]
        assert (first["id"], first["client"], first["model"], first["pictures"]) == ("mine", "192.0.2.9", model.identity, 11)
        assert first["answers"] == {"digit": 10, "rejected": 1}
        assert first["bytes_in"] == int(responses[0].request.headers["content-length"])
        assert [line["bytes_in"] for line in told[1:]] == [0, 0, 0], "what was announced too long was not read"
        assert 0 < first["ms"] < 10_000

    def test_a_client_that_leaves_is_told_of_too(self, api: Api, file: Any) -> None:
        scope = {
            "type": "http", "method": "POST", "path": "/predict", "raw_path": b"/predict", "query_string": b"",
            "headers": [(b"content-type", b"image/png"), (b"content-length", b"1000")], "client": None,
        }  # fmt: skip
        events = iter([{"type": "http.request", "body": b"x" * 10, "more_body": True}, {"type": "http.disconnect"}])

        async def receive() -> Any:
            return next(events)

        async def send(_message: Any) -> None:
            raise AssertionError("nobody is there to be answered")

        asyncio.run(api(scope, receive, send))
        self.close(api)
        (line,) = lines(file)
        assert (line["status"], line["bytes_in"], line["bytes_out"], line["client"]) == (499, 10, 0, None)
