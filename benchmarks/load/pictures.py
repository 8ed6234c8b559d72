"""The sets of pictures that servers are asked, and what is to be answered, written into a folder.

    python -m benchmarks.load.pictures FOLDER [--pictures 512]

placed/ holds test pictures of MNIST, 28x28 PNGs as the data set has them; drawings/ the same digits drawn large on 200x200
PNGs, dark on white, every second one in colour. expected.json has, of each set, the labels and the ten probabilities of
each picture: by both of our models on what our reading makes of it, and by the one that
all run on what the peers make of it.

A program of its own, so that the one that sums up the servers' memory shares no library with them.
"""

import argparse
import io
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.load.contenders import MODEL, PEERS, SETS
from benchmarks.peers.network import Network, resized
from serving.catalogue import Model, load_model
from serving.reading import Ink, Limits, prepare_process, read
from serving.settings import DEFAULT_MODEL
from training import data
from training.scenes import files
from training.scenes.digit import write
from training.scenes.paper import mix, sheet

SIDE = 200
SHARE = (0.45, 0.75)
"""Of the free part's side, the digit's."""
COLOURS = ((250.0, 30.0), (np.array([252.0, 250.0, 244.0], np.float32), np.array([28.0, 42.0, 120.0], np.float32)))
"""The paper's and the pen's, in grey and in colour, in turn."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to be answered to one set."""

    labels: list[int]
    probabilities: dict[str, list[list[float]]]
    """(N, 10) by the name of one of our models, and under PEERS what every peer is to say."""


def placed(ink: Ink, _index: int) -> bytes:
    """A PNG of a picture as the data set has it, as Pillow writes it."""
    target = io.BytesIO()
    Image.fromarray(ink).save(target, "PNG")
    return target.getvalue()


def drawing(ink: Ink, index: int) -> bytes:
    """A PNG of a digit drawn large with a dark pen on white paper; the same for the same index."""
    rng = np.random.default_rng([0, index])
    cover = write(ink, rng, (SIDE, SIDE), SHARE).cover
    paper, pen = COLOURS[index % 2]
    pixels = mix(sheet(cover.shape, paper), pen, cover)
    return files.png(np.rint(pixels).astype(np.uint8), rng)


def ours(contents: list[bytes], model: Model) -> list[list[float]]:
    """What the service is to say: reading and session, without it."""
    read_files = [read(content, model.card.reading, Limits()) for content in contents]
    assert not any(one.is_blank for one in read_files), "a picture of a digit is taken for an empty one"
    rows: list[list[float]] = model.session.probabilities(np.stack([one.picture for one in read_files])).tolist()
    return rows


def peers(contents: list[bytes], network: Network) -> list[list[float]]:
    """What each peer is to say."""
    rows: list[list[float]] = network.probabilities([resized(content) for content in contents]).tolist()
    return rows


def main() -> None:
    """Make the sets and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=512)
    options = parser.parse_args()
    prepare_process()
    try:
        images = data.load("MNIST", "test")[slice(options.pictures)]
    except data.DataFault as fault:
        sys.exit(str(fault))
    catalogue = Path("models")
    models = {name: load_model(catalogue / name) for name in (MODEL, DEFAULT_MODEL)}
    network = Network(str(catalogue / MODEL / "model.onnx"))
    expected = {}
    for name, make in zip(SETS, (placed, drawing), strict=True):
        contents = [make(ink, index) for index, ink in enumerate(images.pictures.numpy())]
        (options.folder / name).mkdir(parents=True)
        for index, content in enumerate(contents):
            (options.folder / name / f"{index:04}.png").write_bytes(content)
        told = {model: ours(contents, models[model]) for model in models} | {PEERS: peers(contents, network)}
        expected[name] = asdict(Expected(images.labels.tolist(), told))
    (options.folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")


if __name__ == "__main__":
    main()
