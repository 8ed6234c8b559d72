"""One of some processes that read files and run the model on them, and do nothing with what it says: the limit.

    python -m benchmarks.predicting.bare FOLDER SHARE OF

Of OF files in a row it takes the SHAREth. It says "ready" and begins at the next line of its input.
"""

import sys

import numpy as np

from serving.catalogue import load_model
from serving.folder.chosen import ALL
from serving.folder.items import fetch
from serving.folder.walk import walk
from serving.folder.work import BATCH
from serving.reading import Limits, prepare_process, read
from serving.settings import DEFAULT_MODEL, find_models

LIMITS = Limits()


def main() -> None:
    """Do this process's share."""
    folder, share, processes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    prepare_process()
    model = load_model(find_models() / DEFAULT_MODEL)
    paths = list(walk(folder, ALL))[share::processes]
    print("ready", flush=True)
    sys.stdin.readline()
    for start in range(0, len(paths), BATCH):
        contents = [fetch(path, LIMITS).data for path in paths[start : start + BATCH]]
        pictures = [read(content, model.card.reading, LIMITS).picture for content in contents if isinstance(content, bytes)]
        model.session.rows(np.stack(pictures))
    print(len(paths), flush=True)


if __name__ == "__main__":
    main()
