"""The service as a whole: listen, import what workers need, and keep them alive."""

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from serving.run_folder import RUN_DIR, new_run_folder
from serving.settings import Settings
from serving.supervision.listening import listen, url
from serving.supervision.supervisor import Plan, supervise


def run(host: str, port: int, settings: Settings, tell: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C, and finish what was begun. What else workers are to do stands in the environment.

    host: an address, or a name that stands for one; port: 0 is any that is free. tell: is given the line that says that the
    service is ready, and where. Raises CannotListen, WorkerFailed, OSError (the temporary directory cannot be written).
    """
    with listen(host, port) as listener, new_run_folder() as folder:
        _prepare_environment(folder)
        from serving.worker import work  # BentoML looks at the environment when it is imported

        def ready(told: dict[str, Any]) -> None:
            workers = f"{settings.workers} workers" if settings.workers > 1 else "1 worker"
            tell(f"digits: ready at {url(listener)}: {told['model']}, {told['models']} models, {workers}")

        notice_s = settings.notice_seconds
        supervise(listener, folder, Plan(settings.workers, partial(work, notice_s=notice_s), ready, notice_s))


def _prepare_environment(folder: Path) -> None:
    """All that anybody writes is in the run folder, so that nothing is left of killed workers."""
    metrics, temporary = folder / "metrics", folder / "temporary"
    for made in (metrics, temporary):
        made.mkdir()
    tempfile.tempdir = str(temporary)
    os.environ |= {
        RUN_DIR: str(folder),
        "TMPDIR": str(temporary),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "BENTOML_HOME": os.environ.get("BENTOML_HOME") or str(folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
