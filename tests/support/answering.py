"""What a run would say of some items, without processes or files."""

import csv
import io
from collections.abc import Iterable

from serving.catalogue import Model
from serving.folder.items import Item
from serving.folder.rows import Shape
from serving.folder.work import Task, Worker
from serving.reading import Limits


def answered(items: Iterable[Item], model: Model, limits: Limits | None = None) -> list[tuple[str, str]]:
    """Each row's source, and its digit or the reason why there is none; in order."""
    rows = Worker(model, limits or Limits(), Shape())(Task(0, list(items))).rows
    text = io.StringIO(rows.decode("utf-8", "surrogateescape"), newline="")
    return [(source, digit or reason) for source, _status, digit, _name, _confidence, reason, _model in csv.reader(text)]
