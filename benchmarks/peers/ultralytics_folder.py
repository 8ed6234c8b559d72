"""A folder through ultralytics' own inference, with the smallest classifier it has, on 32x32.

    python -m benchmarks.peers.ultralytics_folder FOLDER THREADS

The network is not ours, and not trained: it has 3.3 GFLOP at 224x224. It says "ready" once the network is there, and how
many files have an answer; those that it cannot open have none.
"""

import os
import sys

os.environ |= {"YOLO_OFFLINE": "true", "YOLO_VERBOSE": "false"}

import torch
from ultralytics import YOLO


def main() -> None:
    """Predict a folder."""
    model = YOLO("yolo11n-cls.yaml")
    torch.set_num_threads(int(sys.argv[2]))
    print("ready", flush=True)
    answers = model.predict(f"{sys.argv[1]}/**/*", imgsz=32, batch=64, stream=True, verbose=False, device="cpu")
    digits = [(answer.path, answer.probs.top1) for answer in answers]
    print(len(digits), flush=True)


if __name__ == "__main__":
    main()
