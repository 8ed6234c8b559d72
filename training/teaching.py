"""What an ensemble of larger networks answers to a champion's pictures: it is trained on that, not on the labels.

Distillation (Hinton et al. 2015) with the pictures fixed, as both look at the same view of each (Beyer et al. 2022): the
teachers answer once, and a student's epoch costs what it costs without them.
"""

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training import copies, data, kept
from training.data import DatasetName, Images
from training.model import Model
from training.networks import champion, fashion_champion, reader
from training.networks.champion import Champion
from training.networks.fashion_champion import FashionChampion
from training.recipe import Recipe
from training.recipes import CLOTHES, DIGITS
from training.uploads import Progress

AT_ONCE = 1_000
"""Pictures that a teacher answers at a time."""

COMMON: dict[str, Any] = {
    "pictures": "copies",
    "loss": "cross-entropy",  # smoothed labels would hide from a student what digits resemble (Müller et al. 2019)
}
OF_DIGITS: dict[str, Any] = DIGITS | COMMON | {"epochs": 2}
OF_CLOTHES: dict[str, Any] = CLOTHES | COMMON | {"epochs": 4}

TEACHERS: dict[DatasetName, dict[str, Recipe]] = {
    "MNIST": {
        "teacher_fine": Recipe(**OF_DIGITS, network=partial(Champion, (32, 64, 128, 128), 128, 0.3, fine=True)),
        "teacher_wide": Recipe(**OF_DIGITS, network=partial(Champion, (48, 96, 160, 160), 128, 0.3)),
    },
    "FashionMNIST": {
        "fashion_teacher_fine": Recipe(**OF_CLOTHES, network=partial(FashionChampion, (64, 128, 192), 0.3)),
        "fashion_teacher_wide": Recipe(**OF_CLOTHES, network=partial(FashionChampion, (48, 128, 224), 0.3, coarse=True)),
    },
}
"""The larger networks, which are no models: trained with seed 0 and SEEDS - 1 more, and asked together."""
SEEDS = 2


def load(dataset: DatasetName, progress: Progress = lambda _done: None) -> Images:
    """A champion's pictures with its teachers' answers. Raises data.DataFault where they have not answered yet."""
    with np.load(_answers(dataset)) as file:
        answered = replace(copies.load(dataset, progress), answers=torch.from_numpy(file["answers"]))
    return copies.epoch(dataset, answered)


def answers_key(dataset: DatasetName) -> str:
    """What names these very answers. Raises data.DataFault where there are none."""
    return hashlib.sha256(_answers(dataset).read_bytes()).hexdigest()


def _answers(dataset: DatasetName) -> Path:
    path = answers_path(dataset)
    if not path.exists():
        raise data.DataFault(
            f"{path} is not there: the teachers have not answered; have them do so with: digits-train teach {dataset}"
        )
    return path


def answers_path(dataset: DatasetName) -> Path:
    """Where the answers are kept of teachers trained so to pictures made so."""
    code = [Path(__file__), *(Path(str(module.__file__)) for module in (champion, fashion_champion, reader))]
    return kept.place(f"answers-{kept.fingerprint(code, copies.key(dataset), *map(str, TEACHERS[dataset].values()))}")


def answers_of(teacher: Model, pictures: Tensor, progress: Progress) -> npt.NDArray[np.float16]:
    """What one teacher says of pictures (N, 28, 28) uint8 on its device: (N, outputs) probabilities."""
    teacher.network.to(memory_format=torch.channels_last).eval()
    said, total = [], len(pictures)
    with torch.inference_mode(), torch.autocast(pictures.device.type, torch.bfloat16):
        for some in pictures.split(AT_ONCE):  # type: ignore[no-untyped-call]
            said.append(torch.softmax(teacher.scores(some).float(), 1).half().cpu())
            progress(len(said) * AT_ONCE / total)
    return torch.cat(said).numpy()


def keep_answers(dataset: DatasetName, answered: list[npt.NDArray[np.float16]]) -> Path:
    """Keep the mean of the teachers' answers for their student. Returns where. Raises OSError."""
    path = answers_path(dataset)
    kept.keep(path, {"answers": np.asarray(np.mean(answered, 0, dtype=np.float32), np.float16)})
    return path
