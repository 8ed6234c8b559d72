"""The image as it is to be run: locked down. What it may not, what it answers, and how it comes through attacks."""

import csv
import io
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
import started
from confined import Confinement, confinement_of, mounts_of
from containers import LOCKED, ROOT, Container, Engine
from load import ANSWERED, LOST, Load
from PIL import Image

pytestmark = pytest.mark.container

WORKERS = 2
DRAIN_S = 20


@pytest.fixture(scope="module")
def locked(engine: Engine, image: str) -> Iterator[Container]:
    with engine.serving(image, *LOCKED, workers=WORKERS) as container:
        yield container


@pytest.fixture
def fresh(engine: Engine, image: str) -> Iterator[Container]:
    """One of its own for a test that breaks it."""
    with engine.serving(image, *LOCKED, workers=WORKERS) as container:
        yield container


def ask(url: str, pictures: list[bytes]) -> list[int | None]:
    """The digits that a service reads in pictures."""
    files = [("file", (f"{number}.png", picture)) for number, picture in enumerate(pictures)]
    told = httpx.post(f"{url}/predict", files=files, timeout=30, trust_env=False).raise_for_status().json()
    return [one["digit"] for one in told["predictions"]]


def wait_for_all_workers(container: Container, without: int = 0) -> None:
    """Until as many as there should be are there and answer, and a killed one is not among them."""
    until = time.monotonic() + 60
    while True:
        pids = started.tree(container.pid())
        if len(pids) == 1 + WORKERS and without not in pids and workers_up(container) == WORKERS:
            return
        assert time.monotonic() < until, pids
        time.sleep(0.1)


def workers_up(container: Container) -> int:
    try:
        told = httpx.get(f"{container.url}/metrics", timeout=5, trust_env=False).text
    except httpx.TransportError:
        return 0
    return sum(line.startswith("digits_worker_up{") and line.endswith(" 1.0") for line in told.splitlines())


def test_every_process_is_confined(locked: Container) -> None:
    pids = started.tree(locked.pid())
    assert len(pids) == 1 + WORKERS
    user = frozenset({10001})
    for pid in pids:
        assert confinement_of(pid) == Confinement(uids=user, gids=user, shares=frozenset({"net"}))


def test_its_root_is_read_only_and_only_tmp_can_be_written(locked: Container) -> None:
    options = mounts_of(locked.pid())
    assert "ro" in options["/"]
    assert {"rw", "noexec", "nosuid", "nodev"} <= options["/tmp"]  # noqa: S108  in the container
    tried = locked.python(
        "import os\n"
        "for folder, _, _ in os.walk('/'):\n"
        "    if not folder.startswith(('/proc', '/sys')) and os.access(folder, os.W_OK): print(folder)"
    )
    assert {Path(line).parts[1] for line in tried.stdout.split()} <= {"tmp", "dev"}


def test_its_memory_and_its_processes_are_bounded(locked: Container) -> None:
    told = locked.engine.inspect(locked.name)["HostConfig"]
    assert told["Memory"] == 512 * 2**20
    assert told["PidsLimit"] == 64
    forks = locked.python(
        "import os, signal\n"
        "children = []\n"
        "try:\n"
        "    while len(children) < 100:\n"
        "        child = os.fork()\n"
        "        if not child: signal.pause()\n"
        "        children.append(child)\n"
        "except BlockingIOError: pass\n"
        "finally:\n"
        "    for child in children: os.kill(child, signal.SIGKILL), os.waitpid(child, 0)\n"  # orphans would stay
        "print(len(children))"
    )
    assert 40 <= int(forks.stdout) < 64


def test_it_has_no_shell(locked: Container) -> None:
    assert locked.engine.run("podman", "exec", locked.name, "sh", "-c", "true", check=False).returncode != 0
    assert locked.python("print(1)").stdout == "1\n"


def test_it_reads_real_pictures(locked: Container, digits: list[bytes], broken: dict[str, bytes]) -> None:
    assert ask(locked.url, digits) == list(range(10))
    assert ask(locked.url, [digits[3], broken["truncated"], digits[4]]) == [3, None, 4]


def test_digits_verify_finds_the_same_answers_as_here(locked: Container) -> None:
    told = locked.engine.run(*started.DIGITS, "verify", locked.url, "--models", str(ROOT / "models"), check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "all the same" in told.stdout


def test_any_user_will_do(engine: Engine, image: str, digits: list[bytes]) -> None:
    with engine.serving(image, *LOCKED, "--user=54321:0") as container:
        assert confinement_of(container.pid()).uids == {54321}
        assert ask(container.url, digits) == list(range(10))


def test_its_health_is_known_without_a_shell_or_curl(engine: Engine, image: str) -> None:
    alone = tuple(option for option in LOCKED if option not in {"--network=host", "--no-healthcheck"})
    name = f"digits-health-{os.getpid()}"
    try:
        engine.run("podman", "run", "--detach", f"--name={name}", "--network=none", *alone, image)
        checked = [1]
        until = time.monotonic() + 60
        while checked[-1] and time.monotonic() < until:
            checked.append(engine.run("podman", "healthcheck", "run", name, check=False).returncode)
        assert checked[-1] == 0
        engine.run("podman", "exec", name, "python", "-c", "import os, signal; os.kill(1, signal.SIGTERM)")
        engine.run("podman", "wait", name)
        assert engine.run("podman", "healthcheck", "run", name, check=False).returncode != 0
    finally:
        engine.run("podman", "rm", "--force", "--time=0", name, check=False)


def test_it_predicts_a_mounted_folder(engine: Engine, image: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o777)
    volumes = [f"--volume={ROOT / 'tests' / 'pictures'}:/data/pictures:ro", f"--volume={out}:/data/out"]
    run = ["podman", "run", "--rm", *LOCKED, *volumes, image, "predict", "pictures", "-o", "out/answers.csv"]
    engine.run(*run)
    rows = list(csv.DictReader(io.StringIO((out / "answers.csv").read_text())))
    read = {Path(row["source"]).stem: row["digit"] for row in rows}
    assert {str(digit): read[str(digit)] for digit in range(10)} == {str(digit): str(digit) for digit in range(10)}


def test_sigterm_under_load_loses_nothing_that_was_accepted(fresh: Container, digits: list[bytes]) -> None:
    with Load(fresh.server.port, digits, kept=8, fresh=8) as load:
        time.sleep(2)
        before = load.fates.total()
        fresh.server.process.send_signal(signal.SIGTERM)
        assert fresh.server.process.wait(DRAIN_S) == 0
        assert load.closed.wait(DRAIN_S)
    assert load.fates.keys() == {ANSWERED}
    assert load.fates.total() >= before > 500


def test_a_killed_worker_is_replaced_while_the_other_answers(fresh: Container, digits: list[bytes]) -> None:
    first, *workers = started.tree(fresh.pid())
    for killed in workers:
        os.kill(killed, signal.SIGKILL)
        with suppress(httpx.TransportError):  # what it held
            assert ask(fresh.url, digits) == list(range(10))
        wait_for_all_workers(fresh, without=killed)
    assert started.tree(fresh.pid())[0] == first
    assert ask(fresh.url, digits) == list(range(10))


def test_without_its_first_process_nothing_of_it_goes_on(fresh: Container) -> None:
    pids = started.tree(fresh.pid())
    os.kill(pids[0], signal.SIGKILL)
    assert fresh.server.process.wait(20) == 128 + signal.SIGKILL
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_full_disk_stops_nothing(fresh: Container, digits: list[bytes]) -> None:
    filled = fresh.python(
        "with open('/tmp/full', 'wb', 0) as file:\n"
        "    try:\n"
        "        while file.write(bytes(65536)): pass\n"
        "    except OSError as error: print(error.errno)"
    )
    assert filled.stdout == "28\n"  # ENOSPC
    worker = started.tree(fresh.pid())[1]
    assert ask(fresh.url, digits) == list(range(10))
    os.kill(worker, signal.SIGKILL)  # another one starts on the full disk
    wait_for_all_workers(fresh, without=worker)
    for path in ("/readyz", "/metrics", "/models"):
        assert httpx.get(fresh.url + path, timeout=30, trust_env=False).status_code == 200
    assert ask(fresh.url, digits) == list(range(10))
    fresh.server.process.send_signal(signal.SIGTERM)
    assert fresh.server.process.wait(DRAIN_S) == 0


def large_photo() -> bytes:
    """24 megapixels in a small file, which take some 200 MB while they are read."""
    noise = np.random.default_rng(0).integers(180, 255, (100, 150, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize((6000, 4000)).save(file, "JPEG", quality=40)
    return file.getvalue()


def large_body() -> bytes:
    return bytes(15 * 2**20)


def most_memory(pid: int) -> int:
    """The bytes that the container of a process has ever had at once, its files in memory among them."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        version_1, version_2 = Path(f"/sys/fs/cgroup/memory{path}"), Path(f"/sys/fs/cgroup{path}")
        if "memory" in controllers.split(","):
            return int((version_1 / "memory.max_usage_in_bytes").read_text())
        if not controllers and (version_2 / "memory.peak").exists():
            return int((version_2 / "memory.peak").read_text())
    raise AssertionError("the container has no group of its own")


def attack(container: Container, file: bytes) -> Counter[str]:
    """What became of 32 requests of 16 clients, each with the same file four times."""
    files = [("file", (f"{number}.jpg", file)) for number in range(4)]

    def post(_: int) -> str:
        try:
            return str(httpx.post(f"{container.url}/predict", files=files, timeout=120, trust_env=False).status_code)
        except httpx.TransportError:
            return LOST

    with ThreadPoolExecutor(16) as clients:
        return Counter(clients.map(post, range(32)))


def tell(report: list[str], container: Container, made: Callable[[], bytes], fates: Counter[str]) -> None:
    told = ", ".join(f"{count} x {fate}" for fate, count in sorted(fates.items()))
    most = most_memory(container.pid()) / 2**20
    report.append(
        f"container: {len(started.tree(container.pid())) - 1} workers, {made.__name__}: {told}; at most {most:.0f} MiB"
    )


@pytest.mark.parametrize("made", [large_photo, large_body])
def test_nothing_that_is_sent_hurts_one_worker(
    engine: Engine, image: str, digits: list[bytes], report: list[str], made: Callable[[], bytes]
) -> None:
    with engine.serving(image, *LOCKED) as container:
        pids = started.tree(container.pid())
        fates = attack(container, made())
        assert fates.keys() <= {"200", "422", "503"}
        assert started.tree(container.pid()) == pids
        assert ask(container.url, digits) == list(range(10))
        tell(report, container, made, fates)


@pytest.mark.parametrize("made", [large_photo, large_body])
def test_where_memory_is_too_little_for_its_workers_who_is_killed_is_replaced(
    fresh: Container, digits: list[bytes], report: list[str], made: Callable[[], bytes]
) -> None:
    fates = attack(fresh, made())
    assert fates.keys() <= {"200", "422", "503", LOST}
    wait_for_all_workers(fresh)
    assert ask(fresh.url, digits) == list(range(10))
    tell(report, fresh, made, fates)


def test_who_takes_all_its_memory_is_killed_and_it_goes_on(fresh: Container, digits: list[bytes]) -> None:
    hog = fresh.python("held = [bytearray(b'1' * 2**20) for _ in range(2000)]", check=False)
    assert hog.returncode == 128 + signal.SIGKILL
    wait_for_all_workers(fresh)
    assert ask(fresh.url, digits) == list(range(10))
