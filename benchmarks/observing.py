"""What it costs to observe the service: counting, the access log, traces, and a scrape of the metrics.

    python benchmarks/observing.py [--rounds 60] [--model convnet]

Microseconds, the best of many short interleaved rounds, as other processes may be at work. "A request" is a POST of one
28x28 PNG to the application in process, without sockets; what is told below it comes on top of it.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp()  # read where prometheus_client is first imported

import numpy as np  # noqa: E402
import prometheus_client  # noqa: E402
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult  # noqa: E402

from benchmarks.load.environments import versions  # noqa: E402
from serving.catalogue import Catalogue, load_model  # noqa: E402
from serving.http import tracing  # noqa: E402
from serving.http.access_log import AccessLog  # noqa: E402
from serving.http.api import Api  # noqa: E402
from serving.http.messages import Asgi, Request, Response  # noqa: E402
from serving.http.metrics import Metrics  # noqa: E402
from serving.meter import DURATION, Meter  # noqa: E402
from serving.outcome import Prediction  # noqa: E402
from serving.settings import Settings  # noqa: E402

PACKAGES = ("prometheus_client", "opentelemetry-sdk", "orjson", "numpy")
SEVEN = Prediction("digit", 7, [0.0001] * 7 + [0.9991, 0.0001, 0.0001], np.zeros((28, 28), np.uint8))
SCOPE = {
    "type": "http", "method": "POST", "path": "/predict", "raw_path": b"/predict", "query_string": b"", "scheme": "http",
    "headers": [(b"host", b"127.0.0.1:3000"), (b"content-type", b"image/png")], "client": ("127.0.0.1", 40000),
}  # fmt: skip
Calls = Mapping[str, Callable[[], object]]


class Nothing(Meter):
    """Counts nothing."""

    def _nothing(self, *_: object) -> None: ...

    came = left = request = held = waiting = read = batch = answered = _nothing  # type: ignore[assignment]


class Forgetful(SpanExporter):
    """Sends nothing."""

    def export(self, spans: Any) -> SpanExportResult:
        """Whatever there is."""
        del spans
        return SpanExportResult.SUCCESS


def best(calls: Calls, rounds: int, times: int) -> dict[str, float]:
    """Microseconds of each call, in the quietest of so many rounds of so many times."""
    found = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            for _ in range(times):
                call()
            found[name] = min(found[name], (time.perf_counter() - began) / times * 1e6)
    return found


def single_picture(meter: Meter) -> None:
    """Everything that is counted of a request with one picture."""
    meter.came()
    meter.held(400)
    meter.waiting(1, 784)
    meter.read(1, 0.0001)
    meter.batch("convnet", 1, 0.0001, 0.0001)
    meter.waiting(0, 0)
    meter.answered("convnet", [SEVEN])
    meter.held(0)
    meter.left()
    meter.request("/predict", 200, 0.001)


def counting(folder: Path) -> Calls:
    """Ours, and what prometheus_client takes where several processes count."""
    meter, many = Meter(folder, 0), [SEVEN] * 64
    counter = prometheus_client.Counter("c", "…", ["route", "status"])
    histogram = prometheus_client.Histogram("h", "…", ["route", "status"], buckets=DURATION.bounds)
    labels = ("/predict", "200")
    one_counter, one_histogram = counter.labels(*labels), histogram.labels(*labels)
    return {
        "all of a request with one picture": lambda: single_picture(meter),
        "answers of 64 pictures": lambda: meter.answered("convnet", many),
        "one histogram": lambda: meter.request("/predict", 200, 0.001),
        "prometheus_client, a histogram": lambda: one_histogram.observe(0.001),
        "prometheus_client, a histogram by labels": lambda: histogram.labels(*labels).observe(0.001),
        "prometheus_client, a counter": one_counter.inc,
        "prometheus_client, a counter by labels": lambda: counter.labels(*labels).inc(),
    }


def requests(model: str, picture: bytes, stream: int) -> Calls:
    """A request to the application, observed in these ways."""
    loaded = load_model(ROOT / "models" / model)
    catalogue, settings = Catalogue({model: loaded}, {}), Settings(models=ROOT / "models", model=model)
    loop = asyncio.new_event_loop()

    def asked(app: Asgi) -> Callable[[], object]:
        async def receive() -> Any:
            return {"type": "http.request", "body": picture}

        async def send(message: Any) -> None:
            assert message.get("status", 200) == 200

        async def ten() -> None:
            for _ in range(10):
                await app(SCOPE, receive, send)

        return lambda: loop.run_until_complete(ten())

    def api(meter: Meter, mode: Any = "off") -> Api:
        return Api(_inner, catalogue, settings, meter, AccessLog(mode, meter, stream=stream))

    traces = tracing.start([Forgetful()])
    traced = api(traces.meter(None, 0))
    return {
        "a request that nobody observes": asked(api(Nothing())),
        "counted": asked(api(Meter())),
        "counted, with a log of errors": asked(api(Meter(), "errors")),
        "counted, with a log of all": asked(api(Meter(), "all")),
        "counted and traced": asked(traces.traced(traced, traced.route_of)),
    }


async def _inner(*_: object) -> None: ...


def scrapes(folder: Path) -> Calls:
    """Of two workers with twenty models that all have answered, and thirty pairs of a route and a status."""
    meters = [Meter(folder, worker) for worker in range(2)]
    for meter in meters:
        for place in range(20):
            meter.batch(f"model_{place}", 1, 0.001, 0.001)
            meter.answered(f"model_{place}", [SEVEN])
        for place in range(30):
            meter.request(f"/v2/models/{{name}}/route{place}", 200, 0.001)
    handler = Metrics(meters[0])

    def scrape(accept: bytes) -> Callable[[], Response]:
        scope = {"method": "GET", "path": "/metrics", "query_string": b"", "headers": [(b"accept", accept)]}
        return lambda: asyncio.run(handler(Request(scope, _never, 0.0)))

    return {"a scrape as text": scrape(b"*/*"), "a scrape as OpenMetrics": scrape(b"application/openmetrics-text")}


async def _never() -> Mapping[str, Any]:
    raise AssertionError


def machine() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--model", default="convnet")
    options = parser.parse_args()
    told = ", ".join(f"{name} {number}" for name, number in versions(sys.executable, PACKAGES).items())
    print(f"{machine()}, Python {platform.python_version()}, {told}; best of {options.rounds} rounds")
    picture = (ROOT / "tests" / "pictures" / "7.png").read_bytes()
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("wb") as nowhere:
        parts = (
            (counting(Path(folder) / "counting"), options.rounds, 500, 1.0),
            (requests(options.model, picture, nowhere.fileno()), 10 * options.rounds, 1, 0.1),
            (scrapes(Path(folder) / "scrapes"), options.rounds, 1, 1.0),
        )
        for calls, rounds, times, each in parts:
            for name, microseconds in best(calls, rounds, times).items():
                print(f"{name:40}{microseconds * each:10.2f}")


if __name__ == "__main__":
    main()
