"""The console script digits-train: says which extra is missing before anything needs it."""

import importlib.util
import sys

NEEDED = ("torch", "torchvision", "onnx", "onnxscript", "matplotlib", "sklearn", "tensorboard")


def main() -> None:
    """Run digits-train. Exits with 2 where the extra "train" is not installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(f"digits-train needs {', '.join(missing)}. Install them with: pip install 'digits[train]'\n")
        sys.exit(2)
    from training.commands import app

    app()
