"""The whole test set with three hundred broken files of thirty kinds among it: a row for each, under its own name."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from brokenfiles import REASONS, write_broken
from started import DIGITS

from serving.catalogue import Model

ROOT = Path(__file__).parents[2]
OF_EACH = 10
EPS = 64 * 2.0**-23
"""As far as a proof allows a runtime to be from float64."""


@pytest.mark.slow
def test_ten_thousand_digits_among_three_hundred_broken_files_of_thirty_kinds(tmp_path: Path, model: Model) -> None:
    from training import data  # it needs torch, which serving does not

    images = data.load("MNIST", "test")
    files = {path.relative_to(tmp_path).as_posix(): path for path in data.write_pngs(images, tmp_path / "scans")}
    names = sorted(files)
    good = {name: int(Path(name).stem) for name in names}
    broken: dict[str, str] = {}
    for place, kind in enumerate(kind for kind in REASONS for _ in range(OF_EACH)):
        beside = files[names[(place * 7919) % len(names)]]
        path = beside.with_name(f"{beside.stem}-{kind}.png")
        write_broken(path, kind, beside.read_bytes())
        broken[path.relative_to(tmp_path).as_posix()] = REASONS[kind]
    assert (len(good), len(broken), len(REASONS)) == (10_000, 300, 30)

    told = subprocess.run(
        [*DIGITS, "predict", "scans", "-o", "out.jsonl", "--model", "convnet", "--summary", "summary.json"],
        cwd=tmp_path, env=os.environ | {"DIGITS_MODELS": str(ROOT / "models")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "10,300 found = 10,000 digit + 0 unsure + 0 not_a_digit + 0 blank + 300 rejected" in told.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["source"] for row in rows] == sorted([*good, *broken])
    assert [row["index"] for row in rows] == list(range(10_300))
    refused = {row["source"]: row["reason"] for row in rows if row["status"] == "rejected"}
    assert refused == broken

    answered = [row for row in rows if row["source"] in good]
    order = [good[row["source"]] for row in answered]
    expected = model.session.rows(images.pictures.numpy())[:, :10]
    assert [row["digit"] for row in answered] == expected.argmax(1)[order].tolist()
    got = np.empty((10_000, 10))
    got[order] = [row["probabilities"] for row in answered]
    assert np.abs(got - expected).max() <= 1e-6

    scores = np.load(ROOT / "models" / "convnet" / "reference.npz")["scores"] / model.card.temperature
    exact = np.exp(scores - scores.max(1, keepdims=True))
    exact /= exact.sum(1, keepdims=True)
    assert (got[:1000].argmax(1) == exact.argmax(1)).all()
    assert np.abs(got[:1000] - exact).max() <= EPS
