"""The dashboard, the alerts and the autoscaler's rule, against what /metrics tells: none may ask for what is not there."""

import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from containers import ROOT
from prometheus_client.metrics_core import Metric

from serving.http.metrics import build, families
from serving.meter import Meter
from serving.outcome import Blank, Outcome, Prediction, Rejection
from serving.reading import Reason

DEPLOY = ROOT / "deploy"
OF_PROMETHEUS = {"job": "digits", "namespace": "digits", "pod": "digits-0", "instance": "10.0.0.1:3000"}
"""The labels that Prometheus' operator gives to what it scrapes."""
WORDS = {"by", "or", "unless", "offset", "without", "and"}
PICTURE = np.zeros((28, 28), np.uint8)


def told() -> list[Metric]:
    """What /metrics tells of a worker that has counted something of everything that a query asks for."""
    counts = Meter()
    counts.serves(["reader@1"], ["broken"])
    counts.came()
    for route in ("/predict", "/v2/models/{name}/infer"):
        counts.request(route, 200, 0.004)
    for code in ("internal", "overloaded"):
        counts.refused(code)
    counts.read(2, 0.02)
    counts.batch("reader@1", 2, 0.002, 0.2)
    answers: list[Outcome] = [
        Prediction("digit", 7, [0.01] * 7 + [0.91, 0.01, 0.01], PICTURE),
        Blank(PICTURE),
        Rejection(Reason.TRUNCATED),
    ]
    counts.answered("reader@1", answers)
    return list(families(counts.all_workers(), build()))


@pytest.fixture(scope="module")
def metrics() -> list[Metric]:
    return told()


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((DEPLOY / "kubernetes/base/alerts.yaml").read_text())["spec"]["groups"]
    return list(group["rules"])


def panels() -> dict[str, list[str]]:
    """The queries of each panel, by its title, with the dashboard's variables as all of everything."""
    dashboard = json.loads((DEPLOY / "grafana.json").read_text())
    variables = {"$__rate_interval": "5m", "$job": ".*", "$instance": ".*"}
    found = {}
    for panel in dashboard["panels"]:
        queries = [target["expr"] for target in panel.get("targets", ())]
        for name, value in variables.items():
            queries = [query.replace(name, value) for query in queries]
        found[panel["title"]] = queries
    return {title: queries for title, queries in found.items() if queries}


def adapter() -> dict[str, Any]:
    (rule,) = yaml.safe_load((DEPLOY / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    return dict(rule)


def names_in(query: str) -> set[str]:
    """The metrics of a query: what is left of its names without strings, labels, times and functions."""
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|\boffset \w+", " ", bare)
    return set(re.findall(r"\b[a-z_]\w*\b(?!\s*\()", bare)) - WORDS


def test_the_names_in_a_query_are_found() -> None:
    query = 'sum by (le, job) (rate(one_bucket{a="b(c)"}[5m])) / two unless three{d=~"e"} offset 10m or vector(0) > 0.5'
    assert names_in(query) == {"one_bucket", "two", "three"}


def test_every_query_asks_for_what_is_told(metrics: list[Metric]) -> None:
    names = {sample.name for family in metrics for sample in family.samples}
    queries = [query for panel in panels().values() for query in panel]
    queries += [rule["expr"] for rule in rules()]
    queries.append(adapter()["seriesQuery"])
    for query in queries:
        assert names_in(query), query
        assert names_in(query) <= names, query


def test_the_dashboard_shows_all_that_is_told(metrics: list[Metric]) -> None:
    """But for what processes have besides, and what is counted for other services' sake."""
    shown = {name for queries in panels().values() for query in queries for name in names_in(query)}
    for family in metrics:
        if family.name.startswith("digits_"):
            assert {sample.name for sample in family.samples} & shown, family.name


def test_panels_lie_beside_each_other() -> None:
    taken = set()
    for panel in json.loads((DEPLOY / "grafana.json").read_text())["panels"]:
        at = panel["gridPos"]
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            assert cell not in taken, panel["title"]
            assert cell[0] < 24
            taken.add(cell)


def test_the_autoscaler_asks_for_what_the_rule_makes() -> None:
    rule = adapter()
    for file in ("base/autoscaler.yaml", "overlays/gpu/autoscaler.yaml"):
        (metric,) = yaml.safe_load((DEPLOY / "kubernetes" / file).read_text())["spec"]["metrics"]
        assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    assert set(rule["resources"]["overrides"]) <= OF_PROMETHEUS.keys()


# What follows is asked of Prometheus itself, in time that it makes up: an hour of one sample a minute.


def series(metrics: Iterable[Metric], growing: str = "0+1x60") -> list[dict[str, str]]:
    """All that is told, as it grows or stays."""
    found = []
    for family in metrics:
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in {**sample.labels, **OF_PROMETHEUS}.items())
            grows = family.type in {"counter", "histogram"}
            found.append({"series": f"{sample.name}{{{labels}}}", "values": growing if grows else "1x60"})
    return found


def judged(promtool: str, folder: Path, rules: list[dict[str, Any]], tests: list[dict[str, Any]]) -> str:
    """Nothing where all tests hold, else what promtool says of them. JSON is YAML, too."""
    (folder / "rules.yaml").write_text(json.dumps({"groups": [{"name": "digits", "rules": rules}]}))
    (folder / "tests.yaml").write_text(
        json.dumps({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests})
    )
    for command in (["check", "rules", "--lint-fatal", "rules.yaml"], ["test", "rules", "tests.yaml"]):
        done = subprocess.run([promtool, *command], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            return done.stdout + done.stderr
    return ""


def test_every_panel_shows_something(promtool: str, tmp_path: Path, metrics: list[Metric]) -> None:
    queries = [query for panel in panels().values() for query in panel]
    shown = [{"alert": f"Query{number}", "expr": f"count({query}) > 0"} for number, query in enumerate(queries)]
    fires = [{"eval_time": "30m", "alertname": rule["alert"], "exp_alerts": [{"exp_labels": {}}]} for rule in shown]
    test = {"interval": "1m", "input_series": series(metrics), "alert_rule_test": fires}
    assert judged(promtool, tmp_path, shown, [test]) == ""


def test_the_autoscalers_rule_gives_each_pod_its_busy_cores(promtool: str, tmp_path: Path) -> None:
    parts = {"<<.Series>>": "process_cpu_seconds_total", "<<.LabelMatchers>>": 'namespace="digits"', "<<.GroupBy>>": "pod"}
    query = adapter()["metricsQuery"]
    for name, value in parts.items():
        query = query.replace(name, value)
    workers = [
        {
            "series": f'process_cpu_seconds_total{{job="digits",namespace="digits",pod="a",worker="{worker}"}}',
            "values": "0+6x240",
        }
        for worker in range(2)
    ]
    expected = {"expr": query, "eval_time": "30m", "exp_samples": [{"labels": '{pod="a"}', "value": 0.8}]}
    test = {"interval": "15s", "input_series": workers, "promql_expr_test": [expected]}
    assert judged(promtool, tmp_path, [{"record": "unused", "expr": "1"}], [test]) == ""


QUIET = {
    'digits_worker_up{worker="0",pod="a"}': "1x60",
    'digits_requests_total{route="/predict",status="200"}': "0+6000x60",
    'digits_requests_refused_total{code="overloaded"}': "0+6x60",
    'digits_requests_refused_total{code="not_found"}': "0+600x60",
    'digits_request_duration_seconds_bucket{route="/predict",status="200",le="0.5"}': "0+6000x60",
    'digits_request_duration_seconds_bucket{route="/predict",status="200",le="+Inf"}': "0+6000x60",
    'digits_model_info{model="reader",identity="reader@1",pod="a"}': "1x60",
    'digits_model_info{model="reader",identity="reader@1",pod="b"}': "1x60",
    'digits_pictures_total{model="reader@1",status="digit"}': "0+6000x60",
    'digits_pictures_total{model="reader@1",status="rejected"}': "0+60x60",
    'process_start_time_seconds{job="digits",namespace="digits",pod="a",worker="0"}': "1000x60",
}
"""A service that has nothing to complain of."""
SICK: dict[str, dict[str, str | None]] = {
    "DigitsDown": {'digits_worker_up{worker="0",pod="a"}': None},
    "DigitsFails": {'digits_requests_refused_total{code="internal"}': "_x28 1x30"},
    "DigitsRefuses": {'digits_requests_refused_total{code="overloaded"}': "0+120x60"},
    "DigitsSlow": {
        'digits_request_duration_seconds_bucket{route="/predict",status="200",le="0.5"}': "0+5000x60",
        'digits_request_duration_seconds_bucket{route="/predict",status="200",le="2.5"}': "0+6000x60",
    },
    "DigitsWorkerDies": {
        'process_start_time_seconds{job="digits",namespace="digits",pod="a",worker="0"}': "1000+60x60",
    },
    "DigitsModelRefused": {'digits_model_refused{model="reader"}': "1x60"},
    "DigitsModelsDiffer": {'digits_model_info{model="reader",identity="reader@1",pod="b"}': None,
                           'digits_model_info{model="reader",identity="reader@2",pod="b"}': "1x60"},
    "DigitsReadsLittle": {'digits_pictures_total{model="reader@1",status="rejected"}': "0+3000x120"},
    "DigitsPromisesLittle": {'digits_pictures_total{model="reader@1",status="not_a_digit"}': "0+9000x120"},
}  # fmt: skip
"""What is otherwise where one alert has to fire."""


def test_every_alert_fires_when_it_should_and_no_other(promtool: str, tmp_path: Path) -> None:
    given = rules()
    names = [rule["alert"] for rule in given]
    assert SICK.keys() == set(names)
    bare: list[dict[str, Any]] = [{name: rule[name] for name in ("alert", "expr", "for") if name in rule} for rule in given]
    watched = [{**rule, "expr": f"count({rule['expr']}) > 0"} for rule in bare]  # whose labels do not matter here
    tests = []
    for sick, changes in ((None, {}), *SICK.items()):
        values = {name: value for name, value in {**QUIET, **changes}.items() if value}
        at = "85m" if sick in {"DigitsPromisesLittle", "DigitsReadsLittle"} else "35m"
        tests.append({
            "interval": "1m",
            "input_series": [
                {"series": name, "values": value.replace("x60", "x120")} for name, value in values.items()
            ],
            "alert_rule_test": [
                {"eval_time": at, "alertname": name, "exp_alerts": [{"exp_labels": {}}] * (name == sick)} for name in names
            ],
        })  # fmt: skip
    assert judged(promtool, tmp_path, watched, tests) == ""
