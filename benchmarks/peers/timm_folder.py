"""A folder through timm's dataset, loader and transform, and the network in eager torch: the loop of its inference script.

    python -m benchmarks.peers.timm_folder FOLDER THREADS

It fits a picture whole into 28x28, and looks for no ink. Its loader answers a file that it cannot open with the next one's
picture. It says "ready" once the network is there, and how many it did.
"""

import sys

import torch
from timm.data import create_dataset, create_loader

from benchmarks.predicting.eager import SIDE, network


def main() -> None:
    """Predict a folder."""
    torch.set_num_threads(int(sys.argv[2]))
    model = network()
    print("ready", flush=True)
    dataset = create_dataset("", root=sys.argv[1], input_img_mode="L")
    loader = create_loader(
        dataset, input_size=(1, SIDE, SIDE), batch_size=64, use_prefetcher=False, num_workers=0, mean=(0.0,), std=(1.0,),
        interpolation="bilinear", crop_pct=1.0,
    )  # fmt: skip
    digits: list[int] = []
    with torch.inference_mode():
        for batch, _ in loader:
            digits += model(batch)[:, :10].argmax(1).tolist()
    rows = list(zip(dataset.filenames(), digits, strict=True))
    print(len(rows), flush=True)


if __name__ == "__main__":
    main()
