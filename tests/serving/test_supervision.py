"""The processes of a really started service: killed, ended, started with mistakes."""

import errno
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
import started
import uvicorn
from load import Load
from started import Started

from serving.run_folder import new_run_folder
from serving.settings import DEFAULT_MODEL
from serving.supervision.board import ABSENT, Board, Share
from serving.supervision.connection import Configuration
from serving.supervision.server import Server

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and only Linux stops arrivals in time")

PATIENCE_S = 30
"""Until something that takes a second or two must have happened, on a machine with other work."""


def wait_for(what: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.01)
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@dataclass
class Service:
    """A service with a temporary directory of its own."""

    started: Started
    temporary: Path
    took_s: float
    """From its start until it was ready."""

    def __post_init__(self) -> None:
        self.process, self.port = self.started.process, self.started.port

    @property
    def log(self) -> str:
        return self.started.log.read_text()

    def workers(self) -> list[int]:
        """The processes of the running workers."""
        return [pid for pid in self.started.pids()[1:] if is_running(pid)]

    @property
    def folder(self) -> Path:
        (folder,) = self.temporary.glob("digits-run-*")
        return folder

    def accepting(self) -> int:
        counts = (self.folder / "connections").read_bytes()
        return sum(counts[at : at + 4] != ABSENT.to_bytes(4) for at in range(0, len(counts), 4))

    def wait_for_end(self) -> int:
        code = self.process.wait(PATIENCE_S)
        assert not list(self.temporary.iterdir()), "everything temporary is gone"
        return code


def environment(temporary: Path) -> dict[str, str]:
    temporary.mkdir(exist_ok=True)
    own = {"DIGITS_MODELS": str(ROOT / "models"), "DIGITS_MODEL": "convnet", "TMPDIR": str(temporary)}
    return {name: value for name, value in os.environ.items() if name != "BENTOML_HOME"} | own


@contextmanager
def serving(folder: Path, *arguments: str, bentoml: bool = False, **more: str) -> Iterator[Service]:
    """A service that is ready. more: of its environment."""
    temporary, port = folder / "temporary", started.free_port()
    command = [sys.executable, "-m", "bentoml", "serve", "serving.service:Digits", "--host", "127.0.0.1"]
    command = [*(command if bentoml else [*started.DIGITS, "serve"]), "--port", str(port), *arguments]
    began = time.monotonic()
    with started.started(command, port, environment=environment(temporary) | more, folder=ROOT) as program:
        wait_for(lambda: "digits: ready at" in program.log.read_text())  # all workers, not only who answered
        yield Service(program, temporary, time.monotonic() - began)


def post(digit: bytes) -> bytes:
    return b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(digit) + digit


class Gone(Exception):
    """The connection was closed, without an answer."""


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Gone from error

    def answer(self) -> tuple[int, bytes]:
        """Status and body; notes whether the server wants the connection closed."""
        got = b""
        while (head_end := got.find(b"\r\n\r\n")) < 0:
            got += self._more()
        head = got[:head_end].decode().lower()
        self.closed = "\r\nconnection: close" in head
        length = int(re.search(r"content-length: (\d+)", head)[1])  # type: ignore[index]
        while len(got) < head_end + 4 + length:
            got += self._more()
        return int(head.split()[1]), got[head_end + 4 :]

    def ask(self, data: bytes) -> tuple[int, bytes]:
        self.send(data)
        return self.answer()

    def _more(self) -> bytes:
        try:
            data = self._socket.recv(65536)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        return data


@pytest.mark.parametrize("bentoml", [False, True], ids=["digits serve", "bentoml serve in a container"])
def test_a_killed_worker_costs_what_it_held_and_is_replaced(bentoml: bool, tmp_path: Path, digits: list[bytes]) -> None:
    more = {"BENTOML_CONTAINERIZED": "true"} if bentoml else {}
    with serving(tmp_path, bentoml=bentoml, DIGITS_WORKERS="2", **more) as service:
        kept, killed = service.workers()
        with Load(service.port, digits, kept=4, fresh=2) as load:
            wait_for(lambda: load.answered > 50)
            began = time.monotonic()
            os.kill(killed, signal.SIGKILL)
            wait_for(lambda: service.accepting() == 1)
            wait_for(lambda: service.accepting() == 2)
            took = time.monotonic() - began
            seen = load.answered
            wait_for(lambda: load.answered > seen + 50)
        assert took < max(3, service.took_s), "less than a start"
        assert load.lost <= 6, "each of six clients may have waited for it once"
        assert not load.wrong
        assert kept in service.workers()
        service.process.terminate()
        assert service.wait_for_end() == 0


def test_kills_in_a_row_and_while_it_starts_are_survived(tmp_path: Path, digits: list[bytes]) -> None:
    with serving(tmp_path, "--workers", "2") as service:
        seen = set(service.workers())
        for pid in seen:
            os.kill(pid, signal.SIGKILL)
        third, fourth = wait_for(lambda: len(now := set(service.workers()) - seen) == 2 and now)
        os.kill(third, signal.SIGKILL)  # before it is ready
        wait_for(lambda: service.accepting() == 2)
        assert fourth in service.workers()
        assert not {*seen, third} & set(service.workers())
        with Client(service.port) as client:
            assert client.ask(post(digits[7]))[0] == 200
        service.process.terminate()
        assert service.wait_for_end() == 0


def test_a_worker_that_is_killed_at_every_start_ends_the_service(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as service:
        kept, first = service.workers()
        killed: set[int] = set()
        while service.process.poll() is None:
            for pid in set(service.workers()) - killed - {kept}:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.002)
        assert first in killed
        assert len(killed) == 4, "one that worked and three that never did"
        assert service.wait_for_end() == 1
        assert "was killed by SIGKILL before it was ready" in service.log


def one_model(folder: Path) -> Path:
    models = folder / "models"
    shutil.copytree(ROOT / "models" / DEFAULT_MODEL, models / DEFAULT_MODEL)
    return models


def test_a_model_that_breaks_later_ends_the_service_when_a_worker_has_to_load_it(tmp_path: Path) -> None:
    models = one_model(tmp_path)
    with serving(tmp_path, "--models", str(models), "--model", DEFAULT_MODEL) as service:
        (models / DEFAULT_MODEL / "model.onnx").write_bytes(b"another")
        (pid,) = service.workers()
        os.kill(pid, signal.SIGKILL)
        assert service.wait_for_end() == 2
        assert service.log.count("is not the file that its card proves") >= 3


def test_what_is_wrong_at_the_first_start_is_said_once(tmp_path: Path) -> None:
    models = one_model(tmp_path)
    (models / DEFAULT_MODEL / "model.onnx").write_bytes(b"another")
    arguments = ["serve", "--port", "0", "--workers", "3", "--models", str(models), "--model", DEFAULT_MODEL]
    ended = subprocess.run(
        [*started.DIGITS, *arguments], cwd=ROOT, env=environment(tmp_path / "temporary"), capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    (line,) = (line for line in ended.stderr.splitlines() if "WARNING" not in line)
    assert line.startswith(f"{DEFAULT_MODEL}/model.onnx is not the file that its card proves")
    assert not list((tmp_path / "temporary").iterdir())


def to_the_supervisor(service: Service) -> None:
    service.process.terminate()


def to_everybody(service: Service) -> None:
    os.killpg(service.process.pid, signal.SIGTERM)
    for pid in service.workers():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def twice(service: Service) -> None:
    service.process.terminate()
    time.sleep(0.2)
    service.process.terminate()


def by_ctrl_c(service: Service) -> None:
    os.killpg(service.process.pid, signal.SIGINT)


@pytest.mark.parametrize(
    ("end", "workers"),
    [(to_the_supervisor, "1"), (to_the_supervisor, "2"), (to_everybody, "2"), (twice, "2"), (by_ctrl_c, "2")],
)
def test_ending_under_load_loses_no_request(
    end: Callable[[Service], None], workers: str, tmp_path: Path, digits: list[bytes]
) -> None:
    with serving(tmp_path, "--workers", workers) as service:
        pids = service.workers()
        with Client(service.port) as idle, Client(service.port) as slow, Load(service.port, digits, kept=6, fresh=6) as load:
            assert idle.ask(post(digits[7]))[0] == 200
            slow.send(post(digits[7])[:-10])
            wait_for(lambda: load.answered > 100)
            end(service)
            began = time.monotonic()
            time.sleep(1)  # longer than connections are let in
            slow.send(post(digits[7])[-10:])
            status, body = slow.answer()
            answered = time.monotonic()
            assert (status, json.loads(body)["predictions"][0]["digit"]) == (200, 7)
            with pytest.raises(Gone):
                idle.answer()
            assert service.wait_for_end() == 0
            assert time.monotonic() - answered < 5, "a second, and some for a busy machine"
            assert answered - began >= 1
        assert (load.lost, load.wrong) == (0, 0)
        assert not any(is_running(pid) for pid in pids)
        with pytest.raises(ConnectionRefusedError):
            Client(service.port)


def test_before_it_ends_it_says_so_and_goes_on_for_as_long_as_it_is_to_give_notice(
    tmp_path: Path, digits: list[bytes]
) -> None:
    def get(path: str) -> tuple[int, bytes]:
        with Client(service.port) as fresh:
            return fresh.ask(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    with serving(tmp_path, DIGITS_NOTICE_SECONDS="2") as service, Client(service.port) as client:
        assert client.ask(post(digits[7]))[0] == 200
        assert get("/readyz")[0] == get("/v2/health/ready")[0] == 200
        service.process.terminate()
        began = time.monotonic()
        wait_for(lambda: get("/readyz")[0] == get("/v2/health/ready")[0] == 503, seconds=1.5)
        assert json.loads(get("/readyz")[1])["error"]["code"] == "ending"
        assert get("/livez")[0] == 200
        time.sleep(began + 1.5 - time.monotonic())  # longer than connections are let in without it
        assert get("/livez")[0] == 200
        assert client.ask(post(digits[7]))[0] == 200
        assert not client.closed
        assert service.wait_for_end() == 0
        assert 2 < time.monotonic() - began < 6


def test_workers_do_not_outlive_a_killed_supervisor_and_the_next_one_clears_up(tmp_path: Path, digits: list[bytes]) -> None:
    with serving(tmp_path, "--workers", "2") as service, Client(service.port) as client:
        pids = service.workers()
        left = service.folder
        client.send(post(digits[7])[:-10])
        time.sleep(0.2)
        service.process.kill()
        time.sleep(0.5)
        assert client.ask(post(digits[7])[-10:])[0] == 200, "what was begun is answered"
        wait_for(lambda: not any(is_running(pid) for pid in pids))
        with pytest.raises(ConnectionRefusedError):
            Client(service.port)
    assert left.exists()
    with serving(tmp_path) as service:
        assert not left.exists()
        assert service.folder.exists()


def test_clients_are_spread_over_the_workers(tmp_path: Path, digits: list[bytes]) -> None:
    with serving(tmp_path, "--workers", "2") as service:
        board = Board(service.folder, 2)

        def spread() -> list[int]:
            return sorted(board.least_of_others(1 - index) for index in range(2))

        with Load(service.port, digits, kept=4, fresh=0) as load:
            wait_for(lambda: spread() == [2, 2])
            os.kill(service.workers()[0], signal.SIGKILL)
            wait_for(lambda: spread() == [4, ABSENT])  # the other has all, and the new one has a place of its own
            wait_for(lambda: spread() == [2, 2])
        assert not load.wrong


def test_a_service_says_in_one_line_what_is_ready(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as service:
        (line,) = service.log.splitlines()
        said = (
            r"digits: ready at http://127\.0\.0\.1:\d+: convnet@\w{12} in onnxruntime [\d.]+ on \w+, \d+ models, 2 workers"
        )
        assert re.fullmatch(said, line)


def test_a_share_is_too_large_where_another_worker_has_two_less(tmp_path: Path) -> None:
    board = Board(tmp_path, 2)
    mine, other = Share(Board(tmp_path, 2), 0), Share(board, 1)
    mine.open()
    for _ in range(2):
        mine.come()
    assert not mine.is_too_large(), "there is no other"
    other.open()
    assert mine.is_too_large()
    other.come()
    assert not mine.is_too_large()
    other.leave()
    mine.leave()
    assert not mine.is_too_large()
    mine.close()
    assert mine.is_too_large(), "nobody stays"
    assert board.least_of_others(1) == ABSENT


def test_of_many_connections_a_few_more_are_not_too_many(tmp_path: Path) -> None:
    board = Board(tmp_path, 2)
    mine = Share(board, 0)
    mine.open()
    for _ in range(160):
        mine.come()
    for others, is_too_large in ((151, False), (150, True), (0, True)):
        board.write(1, others)
        assert mine.is_too_large() == is_too_large


async def application(_: object, __: object, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def test_who_asks_nothing_makes_room_for_who_does(tmp_path: Path) -> None:
    share = Share(Board(tmp_path, 1), 0)
    share.open()
    server = uvicorn.Server(Configuration(application, share, 3, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        silent = [stack.enter_context(socket.create_connection(listener.getsockname())) for _ in range(20)]
        with Client(listener.getsockname()[1]) as client:
            assert client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") == (200, b"ok")
            closed, _, _ = select.select(silent, [], [], 0)
        server.should_exit = True
        thread.join(PATIENCE_S)
    assert len(closed) == 18, "two of three places"


@contextmanager
def accepting(folder: Path, loop: str, clients: int) -> Iterator[tuple[Server, list[socket.socket]]]:
    """A server in this process, and clients that have asked it for something before it was there."""
    share = Share(Board(folder, 1), 0)
    ours, lifeline = socket.socketpair()
    with ours, lifeline, socket.create_server(("127.0.0.1", 0), backlog=clients) as listener, ExitStack() as stack:
        asking = [stack.enter_context(socket.create_connection(listener.getsockname())) for _ in range(clients)]
        for client in asking:
            client.settimeout(PATIENCE_S)
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        server = Server(Configuration(application, share, 1000, lifespan="off", loop=loop), lifeline, {})
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield server, asking
        finally:
            server.should_exit = True
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_many_who_come_at_once_are_let_in_within_a_few_turns(loop: str, tmp_path: Path) -> None:
    with accepting(tmp_path, loop, 300) as (_, asking):
        assert all(client.recv(1000).endswith(b"ok") for client in asking)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_who_has_come_when_the_end_comes_is_let_in_and_answered(loop: str, tmp_path: Path) -> None:
    with accepting(tmp_path, loop, 300) as (server, asking):
        wait_for(lambda: server.started)
        server.should_exit = True
        answers = [client.recv(1000) for client in asking]
        assert all(answer.endswith(b"ok") for answer in answers)
        assert [client.recv(1) for client in asking] == [b""] * 300


def test_too_many_open_files_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[float] = []

    class Scarce(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            if len(refused) < 3:
                refused.append(time.monotonic())
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    monkeypatch.setattr(socket, "socket", Scarce)
    with accepting(tmp_path, "asyncio", 1) as (_, (client,)):
        assert client.recv(1000).endswith(b"ok")
    assert refused[2] - refused[0] > 0.15, "it does not spin meanwhile"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_run_folder_is_there_while_it_is_used(temporary: Path) -> None:
    with new_run_folder() as one, new_run_folder() as other:
        assert {one, other} == set(temporary.iterdir())
        assert one.stat().st_mode & 0o777 == 0o700
        (one / "left").write_text("behind")
    assert not list(temporary.iterdir())


def test_a_folder_that_a_killed_process_left_is_removed_and_no_other(temporary: Path) -> None:
    left, being_made, strange = (temporary / f"digits-run-{name}" for name in ("left", "being-made", "strange"))
    for folder in (left, being_made):
        folder.mkdir()
    (left / "lock").touch()
    strange.symlink_to(being_made)
    with new_run_folder():
        assert not left.exists()
        assert being_made.exists()
        assert strange.is_symlink()


def test_a_process_without_a_supervisor_is_the_only_worker_of_a_folder_of_its_own(temporary: Path) -> None:
    program = "from serving.run_folder import *; print(run_folder().is_dir(), run_folder(), worker_index(), worker_count())"
    there, folder, *who = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT, env={"TMPDIR": str(temporary)}
    ).stdout.split()
    assert (there, *who) == ("True", "0", "1")
    assert Path(folder).parent == temporary
    assert not list(temporary.iterdir())
