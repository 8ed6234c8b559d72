"""GET /metrics: what all workers counted, as Prometheus reads it. Any worker answers for all.

Only the state of a worker is told worker by worker; everything else is summed. Every label is of a closed or bounded list,
so that the answer's size has a bound whatever is asked for. Of BentoML's own metrics none is told: they know of the requests
that reach its application, and none does.
"""

import asyncio
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from itertools import accumulate

from prometheus_client import ProcessCollector, exposition
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics

from serving import meter
from serving.http.messages import Request, Response
from serving.ledger import OTHER, Numbers
from serving.meter import Counted, Histogram, Meter
from serving.version import VERSION

PACKAGES = ("bentoml", "numpy", "onnxruntime", "opencv-python-headless", "pillow", "uvicorn")

Rows = Mapping[tuple[str, ...], Numbers]
"""A table's rows by their names, summed over workers."""

_END = b"# EOF\n"


class Metrics:
    """The handler of GET /metrics."""

    def __init__(self, counts: Meter) -> None:
        self._meter, self._build = counts, build()

    async def __call__(self, request: Request) -> Response:
        """In OpenMetrics where the client names it, else in Prometheus' own text."""
        # The library's own choice puts the client's words into the answer's content type, and fails at version=x.
        is_open = "application/openmetrics-text" in request.header(b"accept")
        kind, text_of, end = _OPEN if is_open else _PLAIN
        texts = []
        for family in families(self._meter.all_workers(), self._build):
            texts.append(text_of(family))
            await asyncio.sleep(0)  # one family is a millisecond or two, all of them are more than others should wait
        return Response(200, b"".join([*texts, end]), ((b"content-type", kind.encode()),))


def families(workers: Sequence[Counted], versions: Mapping[str, str]) -> Iterator[Metric]:
    """Everything that is told. versions: of what runs, by name."""
    yield from _requests(workers)
    yield from _models(workers)
    yield from _workers(workers)
    yield InfoMetricFamily(
        "digits_build", "Versions of what runs.", {name.replace("-", "_"): versions[name] for name in versions}
    )


def build() -> dict[str, str]:
    """Versions of what runs, by name."""
    packages = {package: metadata.version(package) for package in PACKAGES}
    return {"version": VERSION, "python": platform.python_version(), **packages}


def _requests(workers: Sequence[Counted]) -> Iterator[Metric]:
    requests, codes = _summed(workers, "requests"), _summed(workers, "codes")
    service, reasons = _summed(workers, "service"), _summed(workers, "reasons")
    route = ("route", "status")
    total = CounterMetricFamily("digits_requests", "Requests answered; 499: the client left before.", labels=route)
    for labels, row in _labelled(requests, 2):
        _count(total, labels, row[: meter.DURATION.total].sum())
    yield total
    about = "From a request's head to its answer."
    yield _histogram("digits_request_duration_seconds", about, route, requests, meter.DURATION)
    refused = CounterMetricFamily("digits_requests_refused", "Requests answered with an error.", labels=["code"])
    for labels, row in _labelled(codes, 1):
        _count(refused, labels, row[0])
    yield refused
    yield _histogram("digits_request_files", "Files in a request.", (), service, meter.FILES)
    about = "Reading all files of a request, bytes to 28x28."
    yield _histogram("digits_reading_seconds", about, (), service, meter.READING)
    rejected = CounterMetricFamily("digits_pictures_rejected", "Files that could not be read.", labels=["reason"])
    for labels, row in _labelled(reasons, 1):
        _count(rejected, labels, row[0])
    yield rejected
    lost = sum(row[meter.LOST_LINES] for row in service.values())
    yield CounterMetricFamily("digits_access_log_lost_lines", "Lines that nobody took off in time.", float(lost))


def _models(workers: Sequence[Counted]) -> Iterator[Metric]:
    models = _summed(workers, "models")
    answers = CounterMetricFamily("digits_pictures", "Answers.", labels=["model", "status"])
    for (model,), row in _labelled(models, 1):
        for status, place in meter.ANSWERS.items():
            _count(answers, (model, status), row[place])
    yield answers
    model_only = ("model",)
    yield _histogram("digits_confidence", "Of the answers that name a digit.", model_only, models, meter.CONFIDENCE)
    yield _histogram("digits_batch_pictures", "Pictures in a batch.", model_only, models, meter.BATCH)
    yield _histogram("digits_queue_seconds", "Wait of a batch's oldest picture.", model_only, models, meter.WAITED)
    yield _histogram("digits_inference_seconds", "A batch in the model.", model_only, models, meter.RAN)
    loaded = _summed([worker for worker in workers if worker.process], "loaded")
    served = InfoMetricFamily("digits_model", "Models that answer; two of a name while one follows the other.")
    refused = GaugeMetricFamily("digits_model_refused", "Models that a worker could not load.", labels=model_only)
    for (name,), row in _labelled(loaded, 1):
        if row[meter.SERVED]:
            served.add_metric((), {"model": name.rpartition("@")[0] or name, "identity": name})
        if row[meter.REFUSED]:
            refused.add_metric((name,), 1)
    yield served
    yield refused


def _workers(workers: Sequence[Counted]) -> Iterator[Metric]:
    up = GaugeMetricFamily("digits_worker_up", "Whether a worker runs.", labels=["worker"])
    for worker in workers:
        up.add_metric((str(worker.number),), bool(worker.process))
    yield up
    running = {str(worker.number): worker for worker in workers if worker.process}
    for name, about, place in _GAUGES:
        gauge = GaugeMetricFamily(name, about, labels=["worker"])
        for number, worker in running.items():
            (now,) = worker.tables["now"].values()
            gauge.add_metric((number,), now[place])
        yield gauge
    yield from _processes({number: worker.process for number, worker in running.items()})


_GAUGES = (
    ("digits_requests_in_flight", "Requests that have come and are not answered.", meter.IN_FLIGHT),
    ("digits_held_bytes", "Bodies of requests in memory.", meter.HELD),
    ("digits_waiting_files", "Files taken on and not answered.", meter.WAITING_FILES),
    ("digits_waiting_pixels", "Pixels of these files.", meter.WAITING_PIXELS),
)


def _processes(processes: Mapping[str, int]) -> Iterable[Metric]:
    """What the system knows of each worker, in the families of Prometheus' own client."""
    told: dict[str, Metric] = {}
    for number, process in processes.items():
        for family in ProcessCollector(pid=partial(int, process), registry=None).collect():
            kept = told.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            kept.samples += [sample._replace(labels={"worker": number}) for sample in family.samples]
    return told.values()


def _summed(workers: Iterable[Counted], table: str) -> Rows:
    sums: dict[tuple[str, ...], Numbers] = {}
    for worker in workers:
        for name, row in worker.tables[table].items():
            sums[name] = sums[name] + row if name in sums else row
    return sums


def _labelled(rows: Rows, labels: int) -> Iterator[tuple[tuple[str, ...], Numbers]]:
    """Rows by name, each with as many labels as it should have: what is beyond a table's bound is "other" in all of them."""
    for name, row in sorted(rows.items()):
        yield (name if len(name) == labels else (OTHER,) * labels), row


def _count(family: CounterMetricFamily, labels: Sequence[str], count: float) -> None:
    if count:
        family.add_metric(labels, float(count))


def _histogram(name: str, about: str, labels: Sequence[str], rows: Rows, place: Histogram) -> Metric:
    family = HistogramMetricFamily(name, about, labels=labels)
    bounds = [*(str(float(bound)) for bound in place.bounds), "+Inf"]
    for values, row in _labelled(rows, len(labels)):
        counts = list(accumulate(row[place.start : place.total].tolist()))
        if counts[-1]:
            family.add_metric(values, list(zip(bounds, counts, strict=True)), float(row[place.total]))
    return family


@dataclass(frozen=True)
class _One:
    """What the library takes for a registry, with one family in it."""

    family: Metric

    def collect(self) -> Iterable[Metric]:
        return (self.family,)


def _plain_text(family: Metric) -> bytes:
    return exposition.generate_latest(_One(family))


def _open_text(family: Metric) -> bytes:
    # All names are plain. That UTF-8 is allowed in them spares what looking at each letter takes, half of the time.
    text: bytes = openmetrics.generate_latest(_One(family), escaping=openmetrics.ALLOWUTF8)  # type: ignore[no-untyped-call]
    return text.removesuffix(_END)


_PLAIN = (exposition.CONTENT_TYPE_PLAIN_0_0_4, _plain_text, b"")
_OPEN = (openmetrics.CONTENT_TYPE_LATEST, _open_text, _END)
