"""Which library runs a model, and where; whatever is not what its card proves has to agree with that."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from serving.card import Card
from serving.runtime.contract import ModelUnusable, Pictures
from serving.runtime.onnx import may_have_cuda
from serving.runtime.session import Session
from serving.settings import Backend

EPS = 2.0**-23
"""Distances are told in it: float32's, as a share of the largest value."""


def open_session(folder: Path, onnx: bytes, card: Card, backend: Backend) -> Session:
    """A model's session by the runtime and on the device that are asked for.

    onnx: what the folder's model.onnx holds. The card's proof is about that file in ONNX Runtime on a CPU. A session of
    another kind is compared with it at each load, on pictures that need nobody's data, and has to be as near as the proof
    demands of it: the card holds no sha256 of a model.ts, and knows nothing of the graphics card. So is a file of whole
    numbers with itself in float32: which kernels multiply them differs from processor to processor.

    Raises ModelUnusable.
    """
    path = folder / "model.onnx"
    proved = Session(path, content=onnx)
    if card.quantised:
        proved = _agreeing(proved, Session(path, content=onnx, fused=False), path, card.proof, "onnx")
    if backend.runtime != "onnx":
        file, form = (folder / "model.ts", "torchscript") if backend.runtime == "torchscript" else (path, "onnx")
        return _agreeing(_by_another(file, onnx, backend), proved, file, card.proof, form)
    if backend.device == "cuda" or (backend.device == "auto" and may_have_cuda()):
        try:
            return _agreeing(Session(path, content=onnx, device="cuda"), proved, path, card.proof, "onnx")
        except ModelUnusable:
            if backend.device == "cuda":
                raise
    return proved


def _by_another(file: Path, onnx: bytes, backend: Backend) -> Session:
    if backend.device == "cuda":
        raise ModelUnusable(f"{file} runs on the CPU alone here; the device cuda is for the runtime onnx")
    return Session(file, content=onnx, library="openvino") if backend.runtime == "openvino" else Session(file)


def _agreeing(session: Session, proved: Session, path: Path, proof: Mapping[str, Any], form: str) -> Session:
    try:
        tolerance = float(proof[form]["tolerance_eps"])
    except (KeyError, TypeError, ValueError):
        raise ModelUnusable(f"{path} has no proof in its card as {form}") from None
    found = distance(session, proved)
    if not found <= tolerance:
        raise ModelUnusable(
            f"{path} in {session.library} on {session.device} is not the function that its card proves: "
            f"{found:,.0f} eps from model.onnx, {tolerance:,.0f} are allowed"
        )
    return session


def distance(session: Session, proved: Session) -> float:
    """How far apart two sessions are on made pictures: the largest difference of any output, in EPS of its largest value.

    Infinite where they have different outputs, or numbers that are none.
    """
    farthest = 0.0
    pictures = made_pictures()
    for batch in (pictures, pictures[:1]):
        got, exact = session.outputs(batch), proved.outputs(batch)
        if [values.shape for values in got] != [values.shape for values in exact]:
            return np.inf
        for ours, theirs in zip(got, exact, strict=True):
            scale = max(float(np.abs(theirs).max()), float(np.finfo(np.float32).tiny))
            apart = float(np.abs(ours.astype(np.float64) - theirs).max()) / scale / EPS
            farthest = max(farthest, apart) if np.isfinite(apart) else np.inf
    return farthest


def made_pictures() -> Pictures:
    """The same 64 pictures each time, (64, 28, 28) uint8: strokes, few and many, thin and thick; every fourth is noise."""
    random = np.random.default_rng(0)
    down, across = np.mgrid[:28, :28]
    pictures = np.zeros((64, 28, 28))
    for picture in pictures:
        for _ in range(random.integers(1, 5)):
            (y0, x0), (y1, x1) = random.uniform(4, 24, (2, 2))
            along = np.clip(((down - y0) * (y1 - y0) + (across - x0) * (x1 - x0)) / ((y1 - y0) ** 2 + (x1 - x0) ** 2), 0, 1)
            away = np.hypot(down - y0 - along * (y1 - y0), across - x0 - along * (x1 - x0))
            picture[:] = np.maximum(picture, 255 * np.clip(random.uniform(1, 3) - away, 0, 1))
    pictures[::4] = random.uniform(0, 255, pictures[::4].shape)
    return pictures.astype(np.uint8)
