"""A really started service: processes, sockets, signals."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import started
from PIL import Image
from started import Started

from serving.catalogue import load_model
from serving.settings import DEFAULT_MODEL

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    return os.environ | {"DIGITS_MODELS": str(ROOT / "models"), "DIGITS_MAX_BODY_BYTES": "1000000"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    folder = tmp_path_factory.mktemp("service")
    with started.service("--workers", "2", environment=environment(), folder=folder) as service:
        yield service
    assert service.process.returncode == 0


def test_files_and_a_raw_body_are_answered(service: Started, digits: list[bytes]) -> None:
    files = [("file", (f"{digit}.png", data)) for digit, data in enumerate(digits)]
    told = httpx.post(service.url + "/predict", files=files).json()
    assert told["model"] == load_model(ROOT / "models" / DEFAULT_MODEL).identity
    assert [one["digit"] for one in told["predictions"]] == list(range(10))
    raw = httpx.post(service.url + "/predict", content=digits[6], headers={"content-type": "image/png"}).json()
    assert raw["predictions"][0]["probabilities"] == told["predictions"][6]["probabilities"]


def test_every_broken_file_costs_only_itself(service: Started, digits: list[bytes], broken: dict[str, bytes]) -> None:
    for reason, data in broken.items():
        if reason == "too_many_bytes":
            continue  # longer than this service lets a whole request be: below
        alone = httpx.post(service.url + "/predict", files={"f": ("a.png", data)})
        assert alone.status_code == 422, alone.text
        assert alone.json()["predictions"][0]["reason"] == reason
        among = httpx.post(service.url + "/predict", files=[("f", digits[3]), ("f", ("a.png", data)), ("f", digits[5])])
        assert among.status_code == 200
        assert [one["digit"] for one in among.json()["predictions"]] == [3, None, 5]


def test_the_readmes_example_is_what_the_service_says(service: Started) -> None:
    readme = (ROOT / "README.md").read_text()
    shown = re.search(r"predict\?top=2'\n((?:    .*\n)+)", readme)
    assert shown is not None
    files = [("file", (path.name, path.read_bytes())) for path in (ROOT / "tests" / "pictures" / "7.png", ROOT / "LICENSE")]
    assert json.loads(shown[1]) == httpx.post(service.url + "/predict?top=2", files=files).json()


def test_the_readmes_lines_of_python_print_the_digit(
    service: Started, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    monkeypatch.chdir(ROOT)
    exec(shown[1].replace("http://127.0.0.1:3000", service.url), {})  # noqa: S102  what a reader would paste
    assert capsys.readouterr().out == "7\n"


def test_a_request_that_is_too_long_is_refused_before_it_is_read(service: Started) -> None:
    response = httpx.post(service.url + "/predict", content=bytes(1_000_001), headers={"content-type": "image/png"})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_many_bytes")


def test_strangers_at_the_same_time_get_their_own_answers(service: Started, digits: list[bytes]) -> None:
    with ThreadPoolExecutor(16) as pool, httpx.Client() as client:

        def ask(place: int) -> int | None:
            data = digits[place % 10] if place % 7 else b"poison"
            answer = client.post(service.url + "/predict", files={"f": ("a.png", data)}).json()
            return answer["predictions"][0]["digit"]

        answers = list(pool.map(ask, range(400)))
    assert answers == [place % 10 if place % 7 else None for place in range(400)]


def receive_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


POST = b"POST /predict HTTP/1.1\r\nHost: a\r\n"
BROKEN_REQUESTS = {
    "no http": (b"hello\r\n\r\n", b"HTTP/1.1 400 "),
    "bad length": (POST + b"Content-Length: x\r\n\r\n", b"HTTP/1.1 400 "),
    "early close": (POST + b"Content-Type: image/png\r\nContent-Length: 100\r\n\r\nabc", b""),
    "unfinished multipart": (
        POST + b"Content-Length: 5\r\nContent-Type: multipart/form-data; boundary=X\r\n\r\n--X\r\n",
        b"HTTP/1.1 400 ",
    ),
    "binary path": (b"GET /%ff%fe%00 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 404 "),
    "binary query": (b"POST /predict?model=%ff%00 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 404 "),
    "binary content type": (POST + b"Content-Type: \xff\xfe\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 415 "),
}


@pytest.mark.parametrize("request_name", BROKEN_REQUESTS)
def test_no_broken_request_is_our_fault(service: Started, request_name: str, digits: list[bytes]) -> None:
    sent, expected = BROKEN_REQUESTS[request_name]
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = receive_all(connection)
    assert answer.startswith(expected)
    assert expected or not answer, "nobody is there to be answered"
    assert httpx.post(service.url + "/predict", files={"f": digits[0]}).json()["predictions"][0]["digit"] == 0


def test_large_pictures_of_one_client_cost_little_memory_and_let_others_through(
    service: Started, digits: list[bytes]
) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (5000, 5000), (0, 0, 255, 128)).save(file, "PNG", compress_level=9)
    large = [("f", file.getvalue())] * 6
    assert len(file.getvalue()) * 6 < 1_000_000
    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(httpx.post, service.url + "/predict", files=large, timeout=60) for _ in range(2)]
        time.sleep(0.3)
        assert (
            httpx.post(service.url + "/predict", files={"f": digits[7]}, timeout=10).json()["predictions"][0]["digit"] == 7
        )
        assert [len(one.result().json()["predictions"]) for one in busy] == [6, 6]
    peaks = [int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) for pid in service.pids()]
    assert max(peaks) < 600_000, "kB; one decoded at a time, 220 MB, beside 320 of the program with all models"


def test_the_service_never_loads_torch_nor_training(service: Started) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import serving.service, sys; print('\\n'.join(sys.modules))"],
        capture_output=True, text=True, check=True, cwd="/", env=os.environ | {"DIGITS_MODELS": str(ROOT / "models")},
    ).stdout.split()  # fmt: skip
    assert "serving.http.api" in loaded
    assert not {name.split(".")[0] for name in loaded} & {"torch", "torchvision", "onnx", "onnxscript", "training"}
    maps = [Path(f"/proc/{pid}/maps").read_text() for pid in service.pids()]
    assert len(maps) >= 3
    assert not any("libtorch" in text for text in maps)


def test_sigterm_finishes_what_was_accepted_and_exits_with_0(tmp_path: Path, digits: list[bytes]) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: {len(digits[2])}\r\n\r\n"
    with started.service("--host", "localhost", environment=environment(), folder=tmp_path) as service, ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", service.port), 10)) for _ in range(8)]
        for connection in connections:
            connection.sendall(head.encode() + digits[2][:50])
        time.sleep(0.3)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        for connection in connections:
            connection.sendall(digits[2][50:])
        answers = [receive_all(connection) for connection in connections]
    assert all(answer.startswith(b"HTTP/1.1 200 ") and b'"digit":2' in answer for answer in answers)
    assert service.process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (["--model", "convnot"], {}, 2, "There is no model 'convnot'. Models: champion, "),
        (["--models", "/nowhere"], {}, 2, "/nowhere is not a folder of models"),
        ([], {"DIGITS_WORKERS": "many"}, 2, "DIGITS_WORKERS must be a whole number from 1, not 'many'"),
        (["--host", "no.such.host.invalid"], {}, 3, "no.such.host.invalid:3000 cannot be listened on"),
    ],
)
def test_a_mistake_is_told_at_once(
    arguments: list[str], environment: dict[str, str], code: int, message: str, tmp_path: Path
) -> None:
    known = os.environ | {"DIGITS_MODELS": str(ROOT / "models")} | environment
    result = subprocess.run(
        [*started.DIGITS, "serve", *arguments],
        cwd=tmp_path,
        env=known,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken_is_told_at_once(service: Started, tmp_path: Path) -> None:
    known = os.environ | {"DIGITS_MODELS": str(ROOT / "models")}
    result = subprocess.run(
        [*started.DIGITS, "serve", "--port", str(service.port)],
        cwd=tmp_path,
        env=known,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 3
    assert "cannot be listened on: Address already in use" in result.stderr


def test_a_model_tampered_with_is_not_served(tmp_path: Path) -> None:
    folder = tmp_path / "models" / DEFAULT_MODEL
    folder.mkdir(parents=True)
    for name in ("card.json", "model.onnx"):
        (folder / name).write_bytes((ROOT / "models" / DEFAULT_MODEL / name).read_bytes())
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"onnx_sha256": "0" * 64}))
    result = subprocess.run(
        [*started.DIGITS, "serve", "--models", str(tmp_path / "models")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 2
    assert "not the file that its card proves" in result.stderr
