"""GET /metrics: what Prometheus reads, from one worker of several, of a service that is asked for anything."""

import asyncio
import random
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client import parser
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as open_parser

from serving.catalogue import Catalogue, Model
from serving.http.api import Api
from serving.http.messages import Request, Response
from serving.http.metrics import Metrics
from serving.meter import MAX_MODELS, MAX_REQUESTS, Meter
from serving.outcome import Blank, Prediction, Rejection
from serving.reading import Reason
from serving.settings import Settings, find_models

OPEN = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
MAX_SECONDS = 0.1
"""A scrape of the service takes less than 10 ms (Intel Xeon, Python 3.11.7), and the machine may be busy."""
PICTURE = np.zeros((28, 28), np.uint8)
SEVEN = Prediction("digit", 7, [0.01] * 7 + [0.91, 0.01, 0.01], PICTURE)


async def inner(scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the framework's " + scope["path"].encode()})


def request(accept: str) -> Request:
    scope = {"method": "GET", "path": "/metrics", "query_string": b"", "headers": [(b"accept", accept.encode("latin-1"))]}

    async def receive() -> Any:
        raise AssertionError("it has no body")

    return Request(scope, receive, 0.0)


def scrape(counts: Meter, accept: str = "*/*") -> Response:
    return asyncio.run(Metrics(counts)(request(accept)))


def seconds_of(counts: Meter) -> float:
    began = time.perf_counter()
    scrape(counts, OPEN)
    return time.perf_counter() - began


class Told(dict[tuple[str, frozenset[tuple[str, str]]], float]):
    """Samples by name and labels, each there once."""

    def __init__(self, families: Iterable[Metric]) -> None:
        super().__init__()
        for family in families:
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                assert key not in self
                self[key] = sample.value

    def value(self, name: str, /, **labels: str) -> float | None:
        return self.get((name, frozenset(labels.items())))

    def histograms(self) -> dict[tuple[str, frozenset[tuple[str, str]]], dict[float, float]]:
        """Counts by bound, for each histogram and its labels without the bound."""
        found: dict[Any, dict[float, float]] = defaultdict(dict)
        for (name, labels), value in self.items():
            by_name = dict(labels)
            if name.endswith("_bucket"):
                bound = float(by_name.pop("le"))
                found[name.removesuffix("_bucket"), frozenset(by_name.items())][bound] = value
        return found


def told_by(counts: Meter) -> Told:
    return Told(parser.text_string_to_metric_families(scrape(counts).body.decode()))


def ask(api: Api, method: str, url: str, **options: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://digits") as client:
            return await client.request(method, url, **options)

    return asyncio.run(go())


@pytest.fixture
def counts() -> Meter:
    """A meter that has counted something of everything."""
    counts = Meter()
    counts.serves(["reader@d511817f6503"], ["broken"])
    for _ in range(3):
        counts.came()
        counts.request("/predict", 200, 0.004)
    counts.left()
    counts.request("/predict", 413, 0.0001)
    counts.refused("too_many_bytes")
    counts.held(1000)
    counts.waiting(2, 200)
    counts.read(2, 0.02)
    counts.batch("reader", 2, 0.002, 0.2)
    counts.answered("reader", [SEVEN, SEVEN, Blank(PICTURE), Rejection(Reason.TRUNCATED)])
    counts.lost_lines(5)
    return counts


def test_everything_that_was_counted_is_told(counts: Meter) -> None:
    told = told_by(counts)
    assert told.value("digits_requests_total", route="/predict", status="200") == 3
    assert told.value("digits_requests_total", route="/predict", status="413") == 1
    assert told.value("digits_request_duration_seconds_bucket", route="/predict", status="200", le="0.0025") == 0
    assert told.value("digits_request_duration_seconds_bucket", route="/predict", status="200", le="0.005") == 3
    assert told.value("digits_request_duration_seconds_sum", route="/predict", status="200") == pytest.approx(0.012)
    assert told.value("digits_requests_refused_total", code="too_many_bytes") == 1
    assert told.value("digits_request_files_sum") == 2
    assert told.value("digits_reading_seconds_bucket", le="0.03") == 1
    assert told.value("digits_pictures_total", model="reader", status="digit") == 2
    assert told.value("digits_pictures_total", model="reader", status="blank") == 1
    assert told.value("digits_pictures_total", model="reader", status="rejected") == 1
    assert told.value("digits_pictures_rejected_total", reason="truncated") == 1
    assert told.value("digits_confidence_bucket", model="reader", le="0.9") == 0
    assert told.value("digits_confidence_bucket", model="reader", le="0.95") == 2
    assert told.value("digits_confidence_sum", model="reader") == pytest.approx(1.82)
    assert told.value("digits_batch_pictures_sum", model="reader") == 2
    assert told.value("digits_queue_seconds_sum", model="reader") == 0.002
    assert told.value("digits_inference_seconds_sum", model="reader") == 0.2
    assert told.value("digits_model_info", model="reader", identity="reader@d511817f6503") == 1
    assert told.value("digits_model_refused", model="broken") == 1
    assert told.value("digits_access_log_lost_lines_total") == 5
    assert told.value("digits_worker_up", worker="0") == 1
    assert told.value("digits_requests_in_flight", worker="0") == 2
    assert told.value("digits_held_bytes", worker="0") == 1000
    assert told.value("digits_waiting_files", worker="0") == 2
    assert told.value("digits_waiting_pixels", worker="0") == 200
    build = next(dict(labels) for name, labels in told if name == "digits_build_info")
    assert {"version", "python", "bentoml", "onnxruntime"} <= build.keys()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system tells of processes otherwise")
def test_a_workers_memory_and_time_are_the_systems(counts: Meter) -> None:
    told = told_by(counts)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    memory, seconds = (
        told.value("process_resident_memory_bytes", worker="0"),
        told.value("process_cpu_seconds_total", worker="0"),
    )
    assert memory == pytest.approx(4096 * pages, rel=0.2)
    assert seconds == pytest.approx(time.process_time(), abs=2)


def test_both_forms_say_the_same(counts: Meter) -> None:
    plain, opened = scrape(counts, "text/plain"), scrape(counts, OPEN)
    assert dict(plain.headers)[b"content-type"] == b"text/plain; version=0.0.4; charset=utf-8"
    assert dict(opened.headers)[b"content-type"] == b"application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert opened.body.endswith(b"\n# EOF\n")
    assert opened.body.count(b"# EOF") == 1
    families = open_parser.text_string_to_metric_families(opened.body.decode())  # strict about names, order and types
    first, second = Told(parser.text_string_to_metric_families(plain.body.decode())), Told(families)
    assert first.keys() == second.keys()
    changing = [name for name, _ in first if name.startswith("process_")]
    assert {key: value for key, value in first.items() if key[0] not in changing} == {
        key: value for key, value in second.items() if key[0] not in changing
    }


@pytest.mark.parametrize(
    "accept",
    [
        "", "*/*", "application/openmetrics-text;version=x", "application/openmetrics-text;version=1.x", ";;;,,,",
        "application/openmetrics-text;version=1.0.0;escaping=values", "text/plain;version=9.9.9.9", "\xff",
    ],
)  # fmt: skip
def test_whatever_a_client_accepts_it_is_answered(counts: Meter, accept: str) -> None:
    response = scrape(counts, accept)
    assert response.status == 200
    assert b'digits_requests_total{route="/predict",status="200"} 3.0' in response.body
    assert dict(response.headers)[b"content-type"].split(b";")[0] in {b"text/plain", b"application/openmetrics-text"}


def test_workers_are_summed_but_for_their_state(tmp_path: Path) -> None:
    workers = [Meter(tmp_path, number) for number in range(3)]
    for number, counts in enumerate(workers):
        for _ in range(number + 1):
            counts.came()
            counts.request("/predict", 200, 0.1)
            counts.batch("reader", 2, 0, 0)
            counts.serves(["reader@1"] if number else ["reader@2"], [])
    told = told_by(workers[0])
    assert told == told_by(workers[2]) | {key: told[key] for key in told if key[0].startswith("process_")}
    assert told.value("digits_requests_total", route="/predict", status="200") == 6
    assert told.value("digits_batch_pictures_sum", model="reader") == 12
    assert [told.value("digits_requests_in_flight", worker=str(number)) for number in range(3)] == [1, 2, 3]
    assert told.value("digits_model_info", model="reader", identity="reader@1") == 1
    assert told.value("digits_model_info", model="reader", identity="reader@2") == 1


def test_of_a_dead_worker_only_its_counts_are_told(tmp_path: Path) -> None:
    short_lived = """
import sys
from pathlib import Path
from serving.meter import Meter
counts = Meter(Path(sys.argv[1]), 1)
counts.came()
counts.request("/predict", 200, 0.1)
counts.serves(["gone@1"], ["gone"])
"""
    subprocess.run([sys.executable, "-c", short_lived, str(tmp_path)], check=True)
    told = told_by(Meter(tmp_path, 0))
    assert told.value("digits_requests_total", route="/predict", status="200") == 1
    assert (told.value("digits_worker_up", worker="0"), told.value("digits_worker_up", worker="1")) == (1, 0)
    assert told.value("digits_requests_in_flight", worker="0") == 0
    states = [name for name, labels in told if ("worker", "1") in labels and name != "digits_worker_up"]
    assert states == []
    assert not [name for name, labels in told if name in {"digits_model_info", "digits_model_refused"}]


@pytest.mark.parametrize("accept", ["text/plain", OPEN])
def test_any_name_that_a_folder_may_have_is_told(accept: str) -> None:
    counts, name = Meter(), 'a"b\\c\nd=é,{}@ '
    counts.batch(name, 1, 0, 0)
    counts.serves([f"{name}@0123456789ab"], [name])
    text = scrape(counts, accept).body.decode()
    parse = open_parser.text_string_to_metric_families if accept == OPEN else parser.text_string_to_metric_families
    told = Told(parse(text))
    assert told.value("digits_batch_pictures_count", model=name) == 1
    assert told.value("digits_model_info", model=name, identity=f"{name}@0123456789ab") == 1


def test_a_scrape_in_the_middle_of_load_is_of_one_piece() -> None:
    counts, done = Meter(), threading.Event()

    def load() -> None:
        while not done.is_set():
            counts.request("/predict", 200, random.random() / 10)  # noqa: S311
            counts.batch("reader", random.randint(1, 64), random.random() / 100, random.random() / 100)  # noqa: S311
            counts.answered("reader", [SEVEN, Blank(PICTURE)])

    thread = threading.Thread(target=load)
    thread.start()
    try:
        scrapes = [told_by(counts) for _ in range(20)]
    finally:
        done.set()
        thread.join()
    for told in scrapes:
        histograms = told.histograms()
        assert len(histograms) >= 5
        for (name, labels), buckets in histograms.items():
            in_order = [buckets[bound] for bound in sorted(buckets)]
            assert in_order == sorted(in_order)
            assert told[f"{name}_count", labels] == buckets[np.inf] > 0
    totals = [told.value("digits_requests_total", route="/predict", status="200") or 0 for told in scrapes]
    assert totals == sorted(totals)
    assert totals[-1] > totals[0]


class TestService:
    """The application, with a meter."""

    @pytest.fixture
    def counts(self, tmp_path: Path) -> Meter:
        return Meter(tmp_path, 0)

    @pytest.fixture
    def api(self, model: Model, counts: Meter) -> Api:
        settings = Settings(models=find_models(), model="convnet", max_body_bytes=100_000)
        return Api(inner, Catalogue({"convnet": model}, {"broken": "models/broken is not proved"}), settings, counts)

    def test_what_requests_bring_about_is_told(
        self, api: Api, model: Model, digits: list[bytes], broken: dict[str, bytes]
    ) -> None:
        files = [("file", (f"{place}.png", data)) for place, data in enumerate([*digits, broken["truncated"]])]
        assert ask(api, "POST", "/predict", files=files).status_code == 200
        assert ask(api, "POST", "/predict", content=bytes(100_001), headers={"content-type": "image/png"}).status_code == 413
        assert ask(api, "GET", "/models/convnet").status_code == 200
        response = ask(api, "GET", "/metrics", headers={"accept": OPEN})
        assert response.headers["content-type"].startswith("application/openmetrics-text")
        told = Told(open_parser.text_string_to_metric_families(response.text))
        assert told.value("digits_requests_total", route="/predict", status="200") == 1
        assert told.value("digits_requests_total", route="/predict", status="413") == 1
        assert told.value("digits_requests_total", route="/models/{name}", status="200") == 1
        assert told.value("digits_requests_refused_total", code="too_many_bytes") == 1
        assert told.value("digits_request_files_sum") == 11
        assert told.value("digits_pictures_total", model="convnet", status="digit") == 10
        assert told.value("digits_pictures_rejected_total", reason="truncated") == 1
        assert told.value("digits_batch_pictures_sum", model="convnet") == 10
        assert told.value("digits_confidence_count", model="convnet") == 10
        assert told.value("digits_queue_seconds_count", model="convnet") == 1
        assert told.value("digits_reading_seconds_count") == 1
        assert told.value("digits_requests_in_flight", worker="0") == 1, "the scrape itself"
        assert told.value("digits_held_bytes", worker="0") == 0
        assert told.value("digits_waiting_files", worker="0") == 0
        assert told.value("digits_model_info", model="convnet", identity=model.identity) == 1
        assert told.value("digits_model_refused", model="broken") == 1

    def test_whatever_clients_send_a_scrape_stays_small_and_quick(self, api: Api, counts: Meter) -> None:
        def text() -> str:
            return "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789-._~%/", k=random.randint(1, 60)))  # noqa: S311

        ask(api, "GET", "/nothing"), ask(api, "GET", "/models/nothing"), ask(api, "POST", "/predict?model=nothing")
        ask(api, "GET", "/predict")
        before = scrape(counts).body
        sent = [text() for _ in range(1500)]

        async def send_all() -> None:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://digits") as client:
                for place, secret in enumerate(sent):
                    path = ("/" + secret, f"/models/{secret}", f"/predict?model={secret}", f"/predict?{secret}")[place % 4]
                    method = ("GET", "POST", "GET", "POST", "BREW")[place % 5]
                    await client.request(method, path, headers={"x-request-id": secret, "user-agent": secret})

        asyncio.run(send_all())
        after = scrape(counts).body
        told = told_by(counts)
        assert sum(count for (name, _), count in told.items() if name == "digits_requests_total") == 1504
        assert len(after) < len(before) + 20_000
        assert not [one for one in sent if len(one) > 8 and one in after.decode()]
        assert min(seconds_of(counts) for _ in range(5)) < MAX_SECONDS

    def test_a_meter_that_is_full_is_told_bit_by_bit(self, counts: Meter) -> None:
        """The hard bounds, which no service of twenty models and thirty routes comes near to."""
        for place in range(2 * MAX_REQUESTS):
            counts.request(f"/route{place}", 200, 0.1)
        for place in range(2 * MAX_MODELS):
            counts.batch(f"model{place}", 1, 0, 0)
            counts.answered(f"model{place}", [SEVEN, Blank(PICTURE), Rejection(Reason.EMPTY)])
        body = scrape(counts, OPEN).body
        assert len(body) < 600_000
        families = open_parser.text_string_to_metric_families(body.decode())
        assert Told(families).value("digits_requests_total", route="other", status="other") == MAX_REQUESTS

        async def longest() -> float:
            """How long the event loop stands still at most while it tells all of that, as a share of the whole."""
            stands, began = [], time.perf_counter()
            scraping = asyncio.create_task(Metrics(counts)(request(OPEN)))
            while not scraping.done():
                last = time.perf_counter()
                await asyncio.sleep(0)
                stands.append(time.perf_counter() - last)
            return max(stands) / (time.perf_counter() - began)

        assert min(asyncio.run(longest()) for _ in range(5)) < 0.7, "others have their turns meanwhile"
