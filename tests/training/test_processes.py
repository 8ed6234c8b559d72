"""Two processes that torchrun starts take the steps of one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from training import data, device, fit, runs
from training.recipes import RECIPES

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
TOLERANCE = 1e-6

TWENTY_STEPS = """
import sys
from pathlib import Path

import torch
from training import data, device, fit, processes
from training.recipes import RECIPES

device.prepare_cpu(threads=1)
together = processes.join()
training = fit.begin(RECIPES["mlp_128_64"], 0, torch.device("cpu"), together)
images = data.load("MNIST", "train")[slice(int(sys.argv[2]))]
(epoch,) = fit.fit(training, images, images[slice(100)], epochs=1)
torch.save({"weights": training.model.network.state_dict(), "epoch": epoch}, f"{sys.argv[1]}/{together.rank}.pt")
del training
processes.leave()
threads = [comm.read_text().strip() for comm in Path("/proc/self/task").glob("*/comm")]
assert not [name for name in threads if "gloo" in name], threads
"""


@pytest.mark.slow
@pytest.mark.parametrize("images", [640, 637])
def test_twenty_steps_of_two_processes_give_the_parameters_of_one(images: int, tmp_path: Path) -> None:
    device.prepare_cpu(threads=1)
    script = tmp_path / "twenty_steps.py"
    script.write_text(TWENTY_STEPS)
    told = subprocess.run(
        [*TORCHRUN, str(script), str(tmp_path), str(images)], capture_output=True, text=True, timeout=120, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    part = data.load("MNIST", "train")[slice(images)]
    alone = fit.begin(RECIPES["mlp_128_64"], 0, torch.device("cpu"))
    untrained = {name: weight.clone() for name, weight in alone.model.network.state_dict().items()}
    (epoch,) = fit.fit(alone, part, part[slice(100)], epochs=1)
    for rank in (0, 1):
        saved = torch.load(tmp_path / f"{rank}.pt", weights_only=False)
        for name, weight in alone.model.network.state_dict().items():
            assert (saved["weights"][name] - weight).abs().max() <= TOLERANCE
            assert (untrained[name] - weight).abs().max() > 100 * TOLERANCE, "twenty steps have to move something"
        assert saved["epoch"].train_accuracy == epoch.train_accuracy, "the figures are of all pictures, not of one share"
        assert saved["epoch"].train_loss == pytest.approx(epoch.train_loss, rel=1e-5)


@pytest.mark.slow
def test_torchrun_trains_continues_and_writes_one_run(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*TORCHRUN, "-m", "training", "run", "elu_mlp", "--runs", str(tmp_path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    first = run("--epochs", "2")
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("epoch 1/2") == 1, "one process speaks for both"
    assert run("--epochs", "4", "--resume").returncode == 0
    one = runs.locate("elu_mlp", 0, tmp_path)
    assert [json.loads(line)["epoch"] for line in one.history.read_text().splitlines()] == [1, 2, 3, 4]
    result = runs.read_result(one.result)
    assert result.epochs == 4

    alone = subprocess.run(
        [sys.executable, "-m", "training", "run", "elu_mlp", "--epochs", "6", "--resume", "--runs", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert alone.returncode == 3
    assert "by 2 processes" in " ".join(alone.stderr.split())
