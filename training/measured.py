"""What was measured of the models, as the JSON files beside them: written whole or not at all, read where they are there."""

import json
from pathlib import Path
from typing import Any

from serving.card import Card
from training import kept


def write(path: Path, measured: dict[str, Any]) -> None:
    """Write a file of figures. Raises OSError, with the old one as it was."""
    kept.replace(path, (json.dumps(measured, indent=2) + "\n").encode())


def read(path: Path) -> dict[str, Any]:
    """A file of figures; nothing where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def of_file(card: Card, measured: dict[str, Any]) -> dict[str, Any] | None:
    """What figures, or nothing, say of the very file that a card proves; a figure of another is none."""
    found: dict[str, Any] | None = measured.get("models", {}).get(card.name)
    return found if found and found["onnx_sha256"] == card.onnx_sha256 else None
