"""What an ensemble of larger networks answers to the champion's pictures: it is trained on that, not on the labels.

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
from training.data import Images
from training.model import Model
from training.networks import champion, reader
from training.networks.champion import Champion
from training.recipe import Recipe
from training.recipes import OURS
from training.uploads import Progress

AT_ONCE = 1_000
"""Pictures that a teacher answers at a time."""

COMMON: dict[str, Any] = OURS | {
    "pictures": "copies",
    "loss": "cross-entropy",  # smoothed labels would hide from a student what digits resemble (Müller et al. 2019)
    "epochs": 2,
}

TEACHERS: dict[str, Recipe] = {
    "teacher_fine": Recipe(**COMMON, network=partial(Champion, (32, 64, 128, 128), 128, 0.3, fine=True)),
    "teacher_wide": Recipe(**COMMON, network=partial(Champion, (48, 96, 160, 160), 128, 0.3)),
}
"""The larger networks, which are no models: trained with seed 0 and SEEDS - 1 more, and asked together."""
SEEDS = 2


def load(progress: Progress = lambda _done: None) -> Images:
    """The champion's pictures with the teachers' answers. Raises data.DataFault where they have not answered yet."""
    with np.load(_answers()) as file:
        return copies.epoch(replace(copies.load(progress), answers=torch.from_numpy(file["answers"])))


def answers_key() -> str:
    """What names these very answers. Raises data.DataFault where there are none."""
    return hashlib.sha256(_answers().read_bytes()).hexdigest()


def _answers() -> Path:
    path = answers_path()
    if not path.exists():
        raise data.DataFault(
            f"{path} is not there: the teachers have not answered; have them do so with: digits-train teach"
        )
    return path


def answers_path() -> Path:
    """Where the answers are kept of teachers trained so to pictures made so."""
    code = [Path(__file__), Path(champion.__file__), Path(reader.__file__)]
    return kept.place(f"answers-{kept.fingerprint(code, copies.key(), *map(str, TEACHERS.values()))}")


def answers_of(teacher: Model, pictures: Tensor, progress: Progress) -> npt.NDArray[np.float16]:
    """What one teacher says of pictures (N, 28, 28) uint8 on its device: (N, 11) probabilities."""
    teacher.network.to(memory_format=torch.channels_last).eval()
    said, total = [], len(pictures)
    with torch.inference_mode(), torch.autocast(pictures.device.type, torch.bfloat16):
        for some in pictures.split(AT_ONCE):  # type: ignore[no-untyped-call]
            said.append(torch.softmax(teacher.scores(some).float(), 1).half().cpu())
            progress(len(said) * AT_ONCE / total)
    return torch.cat(said).numpy()


def keep_answers(answered: list[npt.NDArray[np.float16]]) -> Path:
    """Keep the mean of the teachers' answers for the champion. Returns where. Raises OSError."""
    path = answers_path()
    kept.keep(path, {"answers": np.asarray(np.mean(answered, 0, dtype=np.float32), np.float16)})
    return path
