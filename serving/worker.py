"""One worker: BentoML's application, and ours in front of it. Imported by the supervisor, run in its forks."""

import faulthandler
import gc
import logging
import resource
import socket
import sys

from serving.catalogue import ModelRefused
from serving.http.tracing import TracingUnusable
from serving.run_folder import run_folder, worker_count, worker_index
from serving.service import Digits, preload, told
from serving.supervision.board import Board, Share
from serving.supervision.connection import Configuration
from serving.supervision.lifeline import GRACE_S, Word, say
from serving.supervision.server import Server

REFUSED = 2
"""The exit code where the models, or what is asked for beside, are not what they should be."""
MAX_CONNECTIONS, OTHER_FILES = 8192, 128
"""A connection takes some 7 kB of memory, and a file."""

preload()


YOUNG = 10_000
"""Objects that may be made before those made last are looked over for cycles: requests leave none."""


def work(listener: socket.socket, lifeline: socket.socket, notice_s: float) -> None:
    """Serve until told to end, and so long after it."""
    _set_up_logging()
    gc.set_threshold(YOUNG)
    try:
        app = Digits.to_asgi()  # type: ignore[attr-defined]
    except (ModelRefused, TracingUnusable) as error:
        say(lifeline, Word(refused=str(error)))  # to the supervisor, as every worker has the same to say
        sys.exit(REFUSED)
    share = Share(Board(run_folder(), worker_count()), worker_index())
    most = min(MAX_CONNECTIONS, _allow_files(MAX_CONNECTIONS + OTHER_FILES) - OTHER_FILES)
    config = Configuration(app, share, most, lifespan="on", timeout_graceful_shutdown=GRACE_S)
    Server(config, lifeline, told(), notice_s).run(sockets=[listener])


def _set_up_logging() -> None:
    faulthandler.enable()
    logging.basicConfig(
        format=f"%(asctime)s %(levelname)s worker {worker_index()}: %(message)s", level=logging.INFO, force=True
    )
    logging.getLogger("bentoml").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # its warnings are of what clients send


def _allow_files(wanted: int) -> int:
    """Let this process hold so many open files, or as many as it may. Returns how many."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return wanted if allowed == resource.RLIM_INFINITY else allowed
