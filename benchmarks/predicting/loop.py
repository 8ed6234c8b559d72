"""A plain loop as one writes it first: Pillow, torchvision's transform, the network in eager torch, 64 at a time.

    python -m benchmarks.predicting.loop FOLDER THREADS

It fits a picture whole into 28x28, and looks for no ink. It says "ready" once the network is there, and how many it did.
"""

import sys
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.predicting.eager import SIDE, network


class Folder(Dataset[torch.Tensor]):
    """The pictures of a folder."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(path for path in folder.rglob("*") if path.is_file())
        self._transform = transforms.Compose(
            [transforms.Grayscale(), transforms.Resize((SIDE, SIDE)), transforms.ToTensor()]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        tensor: torch.Tensor = self._transform(Image.open(self.paths[index]))
        return tensor


def main() -> None:
    """Predict a folder."""
    torch.set_num_threads(int(sys.argv[2]))
    model = network()
    print("ready", flush=True)
    folder, digits = Folder(Path(sys.argv[1])), []
    with torch.no_grad():
        for batch in DataLoader(folder, batch_size=64):
            digits += model(batch)[:, :10].argmax(1).tolist()
    print(len(digits), flush=True)


if __name__ == "__main__":
    main()
