"""A model.onnx in ONNX Runtime, on the CPU or by CUDA. The only import of onnxruntime."""

import contextlib
import functools
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it is on by default, and asks as it is imported
import onnxruntime

from serving.card import CLASSES
from serving.runtime.contract import EVIDENCE, INPUT, PROBABILITIES, SCORES, ModelUnusable, Output, Pictures

VERSION = f"onnxruntime {onnxruntime.__version__}"

FLOAT = "tensor(float)"
PROMISED = [
    [(PROBABILITIES, FLOAT, [CLASSES]), (SCORES, FLOAT, [scores]), (EVIDENCE, FLOAT, [])][:count]
    for scores in (CLASSES, 1)
    for count in (2, 3)
]
"""What outputs a model may have: each one's name, type, and axes after the batch."""

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_PROVIDERS: dict[str, list[Any]] = {
    "cpu": [_CPU],
    # TF32 keeps 10 bits of 23, and the exhaustive search would be made anew for each size of a batch.
    "cuda": [(_CUDA, {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}), _CPU],
}
_arena = threading.Lock()
_arena_is_shared = False
_cuda_failed = threading.Event()


def may_have_cuda() -> bool:
    """Whether CUDA is worth a try: onnxruntime was built for it, and no session of this process came back without it."""
    return not _cuda_failed.is_set() and _is_built_for_cuda()


@functools.cache
def _is_built_for_cuda() -> bool:
    if _CUDA not in onnxruntime.get_available_providers():
        return False
    with contextlib.redirect_stdout(sys.stderr):  # it prints what it does not find
        onnxruntime.preload_dlls()  # of CUDA and cuDNN, where pip has put them
    return True


class OnnxProgram:
    """An ONNX file held open for inference, with one thread unless told otherwise.

    One thread and no spinning: on a shared machine a second thread mostly waits for its partner, and throughput comes
    from several processes.
    """

    library = VERSION

    def __init__(
        self, path: Path, content: bytes, threads: int, device: Literal["cpu", "cuda"], *, fused: bool = True
    ) -> None:
        """Load a file. Raises ModelUnusable where the device is not to be had, or the model not ours.

        content: what it holds. fused: False runs its operators one by one, as they are.
        """
        if device == "cuda" and not _is_built_for_cuda():
            raise ModelUnusable(f"{path} cannot be run by CUDA: {VERSION} here was built without it, onnxruntime-gpu has it")
        self._session = _session(path, content, threads, device, fused=fused)
        self.device = "cuda" if _CUDA in self._session.get_providers() else "cpu"
        if self.device != device:  # onnxruntime falls back to the CPU and only logs it
            _cuda_failed.set()
            raise ModelUnusable(f"{path} cannot be run by CUDA: {VERSION} has it, but cannot use it on this machine")
        inputs = [_signature(value) for value in self._session.get_inputs()]
        outputs = [_signature(value) for value in self._session.get_outputs()]
        if inputs != [(INPUT, "tensor(uint8)", [28, 28])] or outputs not in PROMISED:
            raise ModelUnusable(f"{path} is not a model of this project: it takes {inputs} and gives {outputs}")
        self.names = [name for name, _, _ in outputs]

    def run(self, names: list[str], pictures: Pictures) -> Sequence[Output]:
        """The outputs of these names; others are not computed."""
        outputs: Sequence[Output] = self._session.run(names, {INPUT: pictures})
        return outputs


def _session(path: Path, content: bytes, threads: int, device: str, *, fused: bool) -> onnxruntime.InferenceSession:
    _share_arena()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")  # weights are freed with it
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Of bytes, a session keeps a copy for its whole life; of a file, it does not.
    file = _in_memory(content)
    model = f"/proc/self/fd/{file.fileno()}" if file else content
    try:
        with file or contextlib.nullcontext():
            return onnxruntime.InferenceSession(model, options, providers=_PROVIDERS[device], enable_fallback=False)
    except Exception as error:  # onnxruntime's exceptions share no base class below Exception
        raise ModelUnusable(f"{path} cannot be loaded by onnxruntime") from error


def _share_arena() -> None:
    """Give all sessions of this process one pool of working memory that grows by what is asked for.

    Each would have its own, and keep in it the most that it ever needed: 130 MB beside the weights of the models committed
    here, after batches of any size up to 64, and 57 MB with one pool (docs/log.md).
    """
    global _arena_is_shared  # noqa: PLW0603  onnxruntime's own environment is one for the process
    with _arena:
        if not _arena_is_shared:
            kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
            memory = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
            as_requested = onnxruntime.OrtArenaCfg({"arena_extend_strategy": 1})
            onnxruntime.create_and_register_allocator(memory, as_requested)
            _arena_is_shared = True


def _in_memory(content: bytes) -> BinaryIO | None:
    """The content as a file in memory; None where there is no such thing, or no room for it."""
    if sys.platform != "linux":
        return None
    try:
        file = os.fdopen(os.memfd_create("model.onnx"), "wb", buffering=0)
    except OSError:
        return None
    with contextlib.suppress(OSError):  # files may be limited in size
        if file.write(content) == len(content):
            return file
    file.close()
    return None


def _signature(value: onnxruntime.NodeArg) -> tuple[str, str, list[int | str]]:
    return value.name, value.type, value.shape[1:]
