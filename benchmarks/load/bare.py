"""Reading and inference in batches of 64, without HTTP: what a process can do at most.

    python -m benchmarks.load.bare FOLDER MODEL…

FOLDER has the sets of pictures. Each line "MODEL SET SECONDS" on its input is answered with a line of JSON, Done.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from serving.catalogue import Model, load_model
from serving.reading import Limits, prepare_process, read

BATCH = 64
LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Done:
    """What was done in answer to one line."""

    pictures: int
    seconds: float
    cpu_seconds: float


def work(model: Model, contents: list[bytes], seconds: float) -> Done:
    """Read and classify these files, over and over, for so long."""
    batches = cycle([contents[start : start + BATCH] for start in range(0, len(contents), BATCH)])
    done, began, used = 0, time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - began) < seconds:
        batch = next(batches)
        pictures = [read(content, model.card.reading, LIMITS).picture for content in batch]
        model.session.rows(np.stack(pictures))
        done += len(batch)
    return Done(done, elapsed, time.process_time() - used)


def main() -> None:
    """Answer lines until there are no more."""
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    prepare_process()
    models = {name: load_model(Path("models") / name) for name in names}
    sets = {path.name: [file.read_bytes() for file in sorted(path.iterdir())] for path in folder.iterdir() if path.is_dir()}
    for line in sys.stdin:
        model, name, seconds = line.split()
        print(json.dumps(asdict(work(models[model], sets[name], float(seconds)))), flush=True)


if __name__ == "__main__":
    main()
