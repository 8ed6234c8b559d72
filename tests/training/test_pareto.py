"""Where the models stand: the page is what the program makes, its front is one, and no name covers another."""

import json
import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"


@pytest.fixture(autouse=True)
def benchmarks_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_the_page_says_what_the_cards_and_the_speeds_say():
    from benchmarks.standing.page import page
    from benchmarks.standing.points import points

    assert (ROOT / "docs" / "pareto.md").read_text() == page(points(MODELS))


def test_a_new_model_is_on_the_page_without_a_change_of_code(tmp_path: Path):
    from benchmarks.standing.page import page
    from benchmarks.standing.points import points

    shutil.copytree(MODELS / "reader", tmp_path / "champion")
    card = json.loads((tmp_path / "champion" / "card.json").read_text())
    card["name"], card["test"]["mean"] = "champion", 0.9972
    (tmp_path / "champion" / "card.json").write_text(json.dumps(card))
    told = page(points(tmp_path))
    assert "| `champion` | us | 99.72% ± 0.04% | mean of 3 seeds | **163,579** | **5.89** |  |" in told


def test_nothing_on_the_front_is_beaten_and_all_beside_it_is():
    from benchmarks.standing.points import MORE_IS_BETTER, Point, front

    one = Point("a", "MNIST", "labs", 0.9, None, "", 100, 100, 100)
    cheap_and_bad = replace(one, name="b", accuracy=0.5, parameters=10, images_per_second=1000)
    as_good_but_dear = replace(one, name="c", parameters=200, images_per_second=50)
    best = replace(one, name="d", accuracy=0.99, parameters=300, images_per_second=None)
    chosen = replace(one, name="e", accuracy=0.999, is_chosen=True)
    every = [best, chosen, as_good_but_dear, one, cheap_and_bad]
    assert [point.name for point in front(every, "parameters")] == ["b", "a", "d"]
    assert "images_per_second" in MORE_IS_BETTER
    assert [point.name for point in front(every, "images_per_second")] == ["b", "a"]


def test_no_name_covers_another_a_point_or_the_front():
    from benchmarks.standing import labels

    figure = Figure(figsize=(6, 5), dpi=100)
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    places = np.random.default_rng(0).uniform(0.35, 0.65, (14, 2))
    line = [(0.3, 0.5), (0.7, 0.5)]
    labels.write(axes, [labels.Label(x, y, f"network {i}", {"fontsize": 8}) for i, (x, y) in enumerate(places)], line)
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
    assert len(boxes) == 14
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert not any(box.contains(*axes.transData.transform(place)) for box in boxes for place in places)
    front = Bbox(axes.transData.transform(line))
    assert not any(box.x0 < front.x1 and front.x0 < box.x1 and box.y0 < front.y0 < box.y1 for box in boxes)


def test_a_name_without_room_is_told():
    from benchmarks.standing import labels

    axes = Figure(figsize=(1, 1)).subplots()
    with pytest.raises(ValueError, match="no room for 'a network with a long name'"):
        labels.write(axes, [labels.Label(0.5, 0.5, "a network with a long name", {})])
