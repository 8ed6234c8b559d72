"""The environment and the options of a command, as one frozen value."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from serving.reading import Limits

DEFAULT_MODEL = "champion"
"""Answers where nobody names a model."""

PREFIX = "DIGITS_"

Runtime = Literal["onnx", "openvino", "torchscript"]
Device = Literal["auto", "cpu", "cuda"]
Logged = Literal["off", "errors", "all"]
"""Which requests get a line: none; those answered with a status of 400 or more, or slowly; every one."""


class SettingInvalid(Exception):
    """A setting has a value that cannot be used; the message names the variable."""


class Backend(NamedTuple):
    """What runs a model: the library, and where it has it run."""

    runtime: Runtime = "onnx"
    device: Device = "auto"


CPU = Backend(device="cpu")
"""What the cards' proofs are about."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a service may use. Every field but the folder can be set by an environment variable named after it."""

    models: Path
    """The folder of models."""
    model: str = DEFAULT_MODEL
    """DIGITS_MODEL: the model that answers where a request names none."""
    runtime: Runtime = "onnx"
    """DIGITS_RUNTIME: onnx, or where they are installed openvino, and torchscript for models that have a model.ts."""
    device: Device = "auto"
    """DIGITS_DEVICE: cpu, cuda, or auto for CUDA where it works and the CPU where it does not."""
    workers: int = 1
    """DIGITS_WORKERS: processes, each with every model loaded."""
    max_body_bytes: int = 64 * 2**20
    """DIGITS_MAX_BODY_BYTES: of one request."""
    max_files: int = 256
    """DIGITS_MAX_FILES: in one request."""
    max_waiting: int = 4096
    """DIGITS_MAX_WAITING: files that one worker takes on, read or not, before it answers 503."""
    max_waiting_pixels: int = 400 * 10**6
    """DIGITS_MAX_WAITING_PIXELS: of the pictures that one worker takes on; some seconds of decoding."""
    max_wait_seconds: int = 2
    """DIGITS_MAX_WAIT_SECONDS: that what a worker has taken on may take by its estimate, before it answers 503."""
    max_request_pixels: int = 400 * 10**6
    """DIGITS_MAX_REQUEST_PIXELS: of all pictures of one request."""
    max_held_bytes: int = 128 * 2**20
    """DIGITS_MAX_HELD_BYTES: of the requests that one worker has not answered yet."""
    notice_seconds: int = 0
    """DIGITS_NOTICE_SECONDS: that a service told to end goes on as before, but for /readyz, which answers 503."""
    body_seconds: int = 30
    """DIGITS_BODY_SECONDS: until a request's body has to be complete."""
    max_batch: int = 64
    """DIGITS_MAX_BATCH: pictures that one call of a model takes."""
    api_keys: tuple[str, ...] = ()
    """DIGITS_API_KEYS, separated by commas, and DIGITS_API_KEYS_FILE, one a line: who asks needs one of them."""
    access_log: Logged = "errors"
    """DIGITS_ACCESS_LOG: which requests get a line of JSON on standard output; errors are slow ones too."""
    cors_origins: tuple[str, ...] = ()
    """DIGITS_CORS_ORIGINS, separated by commas: whose pages may ask from a browser; * for all."""
    limits: Limits = field(default_factory=Limits)
    """Of one picture: DIGITS_MAX_PICTURE_BYTES, DIGITS_MAX_PICTURE_PIXELS, DIGITS_MAX_PICTURE_SIDE,
    DIGITS_MAX_PICTURE_ASPECT, DIGITS_MAX_PICTURE_FRAMES."""

    @property
    def backend(self) -> Backend:
        """What runs the models."""
        return Backend(self.runtime, self.device)


def find_models(option: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Where models are: the option, else DIGITS_MODELS, else ./models, else the copy that came with the package."""
    if option is not None:
        return option
    if named := environment.get(PREFIX + "MODELS"):
        return Path(named)
    here = Path("models")
    if here.is_dir():
        return here
    package = Path(__file__).parent
    packed = package / "packed_models"
    return packed if packed.is_dir() else package.parent / "models"  # the second: a clone or a bento, not a wheel


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a service. Raises SettingInvalid."""

    def whole(name: str, default: int, least: int = 1) -> int:
        text = environment.get(PREFIX + name, "")
        if not text:
            return default
        if not text.isdecimal() or int(text) < least:
            raise SettingInvalid(f"{PREFIX}{name} must be a whole number from {least}, not {text!r}")
        return int(text)

    def one_of(name: str, allowed: tuple[str, ...], default: str) -> Any:
        text = environment.get(PREFIX + name) or default
        if text not in allowed:
            raise SettingInvalid(f"{PREFIX}{name} must be one of {', '.join(allowed)}, not {text!r}")
        return text

    def several(name: str) -> tuple[str, ...]:
        return tuple(part for text in environment.get(PREFIX + name, "").split(",") if (part := text.strip()))

    def limit(name: str) -> int:
        return whole("MAX_PICTURE_" + name.removeprefix("max_").upper(), getattr(plain.limits, name))

    plain = Settings(models=find_models(environment=environment))
    return Settings(
        models=plain.models,
        model=environment.get(PREFIX + "MODEL") or plain.model,
        runtime=one_of("RUNTIME", get_args(Runtime), plain.runtime),
        device=one_of("DEVICE", get_args(Device), plain.device),
        workers=whole("WORKERS", plain.workers),
        max_body_bytes=whole("MAX_BODY_BYTES", plain.max_body_bytes),
        max_files=whole("MAX_FILES", plain.max_files),
        max_waiting=whole("MAX_WAITING", plain.max_waiting),
        max_waiting_pixels=whole("MAX_WAITING_PIXELS", plain.max_waiting_pixels),
        max_wait_seconds=whole("MAX_WAIT_SECONDS", plain.max_wait_seconds),
        max_request_pixels=whole("MAX_REQUEST_PIXELS", plain.max_request_pixels),
        max_held_bytes=whole("MAX_HELD_BYTES", plain.max_held_bytes),
        notice_seconds=whole("NOTICE_SECONDS", plain.notice_seconds, least=0),
        body_seconds=whole("BODY_SECONDS", plain.body_seconds),
        max_batch=whole("MAX_BATCH", plain.max_batch),
        api_keys=several("API_KEYS") + _keys_in(environment.get(PREFIX + "API_KEYS_FILE", "")),
        access_log=one_of("ACCESS_LOG", get_args(Logged), plain.access_log),
        cors_origins=several("CORS_ORIGINS"),
        limits=Limits(**{one.name: limit(one.name) for one in fields(Limits)}),
    )


def _keys_in(file: str) -> tuple[str, ...]:
    """The keys of a file, one a line; empty lines and lines that begin with # are none."""
    if not file:
        return ()
    try:
        lines = [line.strip() for line in Path(file).read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"{PREFIX}API_KEYS_FILE names {file}, which cannot be read: {error}") from error
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise SettingInvalid(f"{PREFIX}API_KEYS_FILE names {file}, which holds no key")
    return keys
