"""A really started service against bad input of every kind: each is answered as it should be, and the next one as ever.

After every test the service has to answer normally, with the processes that it had, and its log may hold no traceback.
"""

import base64
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import started
from PIL import Image
from started import Started

from serving.reading import Reason

ROOT = Path(__file__).parents[2]
BODY_SECONDS = 2
LIMITS = {
    "DIGITS_BODY_SECONDS": str(BODY_SECONDS),
    "DIGITS_MAX_BODY_BYTES": "2000000",
    "DIGITS_MAX_WAITING": "200",
    "DIGITS_MAX_REQUEST_PIXELS": "2000000",
    "DIGITS_MAX_PICTURE_BYTES": "1500000",
    "DIGITS_MAX_PICTURE_FRAMES": "3",
}
SEVEN = (ROOT / "tests" / "pictures" / "7.png").read_bytes()

LIBRARIES = (
    r"Traceback|starlette|uvicorn|uvloop|httptools|h11|bentoml|circus|pydantic|asyncio|\bPIL\b|Pillow|\bcv2\b|OpenCV|"
    r"onnxruntime|numpy|orjson|site-packages|0x[0-9a-f]{6}"
)
PLACES = "|".join(
    map(re.escape, {str(ROOT), str(Path.home()), sys.prefix, sys.base_prefix, tempfile.gettempdir(), str(Path.cwd())})
)
LEAK = re.compile(f"{LIBRARIES}|{PLACES}", re.IGNORECASE)
"""What no refusal may tell of the machine and of what the service is made of."""


class Told(NamedTuple):
    """What came back over a connection until it was closed, or until nothing came for long enough."""

    content: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3})", self.content)]

    @property
    def body(self) -> bytes:
        return self.content.partition(b"\r\n\r\n")[2]


def send(service: Started, *pieces: bytes, pause_s: float = 0, wait_s: float = BODY_SECONDS + 3) -> Told:
    """Send pieces over one connection as far as the service takes them, and hear what it says."""
    content, closed = b"", True
    with socket.create_connection(("127.0.0.1", service.port), 5) as connection:
        connection.settimeout(wait_s)
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause_s)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough
        try:
            while part := connection.recv(65536):
                content += part
        except ConnectionResetError:
            pass
        except TimeoutError:
            closed = False
    return Told(content, closed)


@pytest.fixture(scope="module")
def started_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    scratch = tmp_path_factory.mktemp("tmp")
    environment = os.environ | LIMITS | {"DIGITS_MODELS": str(ROOT / "models"), "TMPDIR": str(scratch)}
    with started.service("--workers", "2", environment=environment, folder=tmp_path_factory.mktemp("service")) as service:
        wait_for_workers(service)
        yield service
    assert service.process.returncode == 0
    assert not list(scratch.rglob("*")), "something is left in the temporary folder"


def wait_for_workers(service: Started) -> None:
    """Both answer: the second may still be loading when the first is ready."""
    until, idle = time.monotonic() + 30, 0
    while idle < 20 and time.monotonic() < until:
        began = time.monotonic()
        httpx.get(service.url + "/readyz")
        idle = idle + 1 if time.monotonic() - began < 0.1 else 0


@pytest.fixture
def service(started_service: Started) -> Iterator[Started]:
    """The service, and afterwards the same service: nothing that a test does may have hurt it."""
    before = started_service.pids()
    yield started_service
    for _ in range(8):  # whichever worker takes the connection
        told = send(started_service, posted(SEVEN, len(SEVEN)))
        assert [one["digit"] for one in json.loads(told.body)["predictions"]] == [7]
    assert started_service.pids() == before
    assert "Traceback" not in started_service.log.read_text()


def assert_clean(told: bytes) -> None:
    """Nothing of the machine, and no library's words."""
    leak = LEAK.search(told.decode("utf-8", "replace"))
    assert leak is None, leak


# What DESIGN.md's table of statuses says.


def png(width: int, height: int, colour: int = 255) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height), colour).save(file, "PNG")
    return file.getvalue()


RAW = {"content-type": "image/png"}
FORM = {"content-type": "multipart/form-data; boundary=X"}
TEXT_FIELD = b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--X--'
Options = dict[str, Any]


def form(*contents: bytes) -> Options:
    return {"files": [("f", (f"{place}.png", content)) for place, content in enumerate(contents)]}


STATUSES: dict[str, tuple[str, str, Options, int, str]] = {
    "a digit": ("POST", "/predict", form(SEVEN), 200, ""),
    "a digit as the body": ("POST", "/predict", {"content": SEVEN, "headers": RAW}, 200, ""),
    "a digit among what is none": ("POST", "/predict", form(b"x", SEVEN, b""), 200, ""),
    "a blank sheet": ("POST", "/predict", form(png(40, 40)), 200, ""),
    "nothing that can be read": ("POST", "/predict", form(b"x", b""), 422, ""),
    "text as the body": ("POST", "/predict", {"content": b"x", "headers": RAW}, 422, ""),
    "an empty body": ("POST", "/predict", {"headers": RAW}, 400, "no_picture"),
    "an empty form": ("POST", "/predict", {"headers": FORM}, 400, "no_picture"),
    "a form without a file": ("POST", "/predict", {"headers": FORM, "content": b"--X--"}, 400, "no_picture"),
    "a form with text": ("POST", "/predict", {"headers": FORM, "content": TEXT_FIELD}, 400, "no_picture"),
    "a form that is none": ("POST", "/predict", {"headers": FORM, "content": b"x"}, 400, "malformed_multipart"),
    "an unknown parameter": ("POST", "/predict?size=1", form(SEVEN), 400, "bad_parameter"),
    "a top that is too large": ("POST", "/predict?top=11", form(SEVEN), 400, "bad_parameter"),
    "a seen that is no number": ("POST", "/predict?seen=true", form(SEVEN), 400, "bad_parameter"),
    "many parameters": ("POST", "/predict?" + "&".join(f"a{n}=" for n in range(99)), form(SEVEN), 400, "bad_parameter"),
    "an unknown model": ("POST", "/predict?model=none", form(SEVEN), 404, "unknown_model"),
    "a card of an unknown model": ("GET", "/models/none", {}, 404, "unknown_model"),
    "an unknown path": ("GET", "/predictions", {}, 404, "not_found"),
    "another method": ("GET", "/predict", {}, 405, "method_not_allowed"),
    "an unknown method": ("BREW", "/predict", {}, 400, ""),
    "too many bytes": ("POST", "/predict", {"content": bytes(2_000_001), "headers": RAW}, 413, "too_many_bytes"),
    "too many files": ("POST", "/predict", form(*[b"x"] * 257), 413, "too_many_files"),
    "too many pixels": ("POST", "/predict", form(*[png(1100, 1000)] * 2), 413, "too_many_pixels"),
    "JSON": ("POST", "/predict", {"json": {}}, 415, "unsupported_media_type"),
    "a form of text": ("POST", "/predict", {"data": {"a": "b"}}, 415, "unsupported_media_type"),
    "no content type": ("POST", "/predict", {"content": SEVEN}, 415, "unsupported_media_type"),
    "more files than may wait": ("POST", "/predict", form(*[SEVEN] * 201), 503, "overloaded"),
}  # fmt: skip


@pytest.mark.parametrize("case", STATUSES)
def test_every_kind_of_request_has_its_status(service: Started, case: str) -> None:
    method, url, options, status, code = STATUSES[case]
    answer = httpx.request(method, service.url + url, timeout=10, **options)
    assert answer.status_code == status, answer.text
    if code:
        assert list(answer.json()) == ["error"]
        assert answer.json()["error"]["code"] == code
    if status in {408, 413, 415} and code not in {"too_many_files", "too_many_pixels"}:
        assert answer.headers["connection"] == "close", "what is not read any more cannot be followed by another request"
    if status == 503:
        assert int(answer.headers["retry-after"]) >= 1
    if status >= 400:
        assert_clean(answer.content)


def test_every_refusal_that_is_documented_is_provoked_here(service: Started) -> None:
    document = httpx.get(service.url + "/docs.json").json()
    answers = document["paths"]["/predict"]["post"]["responses"]
    documented = {
        (int(status), code)
        for status, answer in answers.items()
        for code in answer["content"]["application/json"]["examples"]
        if status not in {"200", "422"}
    }
    provoked = {(status, code) for _, url, _, status, code in STATUSES.values() if url.startswith("/predict") and code}
    provoked -= {(404, "not_found"), (405, "method_not_allowed")}  # of what is no operation
    assert documented == provoked | {(408, "too_slow")}, "the last one below"


def test_every_reason_of_a_refusal_is_told_for_a_file_of_its_kind(service: Started, broken: dict[str, bytes]) -> None:
    made = {
        "too_long": png(70_000, 1),
        "too_narrow": png(4000, 2),
        "too_many_bytes": SEVEN + bytes(1_500_001),
        "too_many_frames": animation(),
    }
    by_reason = broken | made
    assert set(by_reason) | OF_FOLDERS == set(Reason)
    for reason, content in by_reason.items():
        answer = httpx.post(service.url + "/predict", **form(content))
        assert (answer.status_code, [one["reason"] for one in answer.json()["predictions"]]) == (422, [reason])
        assert_clean(answer.content)


OF_FOLDERS = {"unreadable", "crashed"}
"""Reasons that no upload is refused for: there is no file to be opened, and no process that reads it alone."""


def animation() -> bytes:
    file = io.BytesIO()
    frames = [Image.new("L", (8, 8), 60 * place) for place in range(4)]
    frames[0].save(file, "WebP", save_all=True, append_images=frames[1:])
    return file.getvalue()


# Broken multipart.


def multipart(body: bytes, boundary: bytes = b"X", *, length: int | None = None) -> bytes:
    """A request whose body is this."""
    head = (
        b"POST /predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=" + boundary
    )
    return head + b"\r\nContent-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


def part(content: bytes = SEVEN, name: bytes = b'name="f"; filename="a.png"', boundary: bytes = b"X") -> bytes:
    return b"--" + boundary + b"\r\nContent-Disposition: form-data; " + name + b"\r\n\r\n" + content + b"\r\n"


END = b"--X--\r\n"
MALFORMED = 400, "malformed_multipart"
MULTIPARTS: dict[str, tuple[bytes, int, str]] = {
    "no boundary in the content type": (
        multipart(part() + END).replace(b"; boundary=X", b""), *MALFORMED,
    ),
    "another boundary": (multipart(part() + END, b"Y"), *MALFORMED),
    "a boundary of 5,000 characters": (multipart(part(boundary=b"b" * 5000), b"b" * 5000), *MALFORMED),
    "an empty boundary": (multipart(part() + END, b'""'), *MALFORMED),
    "a boundary of binary": (multipart(part() + END, b"\xff\xfe\x01"[:2]), *MALFORMED),
    "no final boundary": (multipart(part()), *MALFORMED),
    "an end within a part's headers": (multipart(part()[:30]), *MALFORMED),
    "an end within a boundary": (multipart(part() + b"--"), *MALFORMED),
    "10,000 files": (multipart(part(b"x") * 10_000 + END), 413, "too_many_files"),
    "10,000 fields": (multipart(part(b"x", b'name="f"') * 10_000 + END), *MALFORMED),
    "headers of a part without end": (multipart(part()[:-2] + b"--X\r\n" + b"A: b\r\n" * 300_000), *MALFORMED),
    "one header of a part without end": (multipart(b"--X\r\nContent-Disposition: " + b"a" * 1_900_000), *MALFORMED),
    "a content disposition of many parameters": (
        multipart(part(name=b'name="f"; ' + b'a="b"; ' * 200_000) + END), *MALFORMED,
    ),
    "backslashes without end": (multipart(part(name=b'name="' + b"\\" * 15_000) + END), 400, "no_picture"),
    "nothing but boundaries": (multipart(b"--X\r\n" * 300_000 + END), *MALFORMED),
    "nothing but line ends": (multipart(b"\r\n" * 900_000), *MALFORMED),
    "binary instead of headers": (multipart(b"--X\r\n\x00\xff\xfe\r\n\r\nabc\r\n" + END), *MALFORMED),
    "no content disposition": (multipart(b"--X\r\nContent-Type: image/png\r\n\r\nabc\r\n" + END), *MALFORMED),
    "a form in a form": (multipart(part(part(boundary=b"Y"), name=b'name="f"') + END), 400, "no_picture"),
}  # fmt: skip


@pytest.mark.parametrize("case", MULTIPARTS)
def test_a_broken_form_is_refused_in_our_own_words(service: Started, case: str) -> None:
    request, status, code = MULTIPARTS[case]
    began = time.monotonic()
    told = send(service, request)
    assert told.statuses == [status]
    assert json.loads(told.body)["error"]["code"] == code
    assert time.monotonic() - began < 2, "what is broken is cheap"
    assert_clean(told.content)


NAMES: dict[str, tuple[bytes, str]] = {
    "binary": (b'"\xff\xfe\x00\x01.png"', "\ufffd\ufffd\x00\x01.png"),
    "a way out": (b'"../../../../etc/passwd"', "../../../../etc/passwd"),
    "a Windows path": (rb'"C:\temp\a.png"', r"C:\temp\a.png"),
    "line ends, escaped": (b'"a%0D%0ASet-Cookie: a=b"', "a\r\nSet-Cookie: a=b"),
    "a quote, escaped": (b'"a%22b"', 'a"b'),
    "HTML": (b'"<script>alert(1)</script>"', "<script>alert(1)</script>"),
    "10,000 characters": (b'"' + b"a" * 10_000 + b'"', "a" * 10_000),
    "half a surrogate": (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_file_name_is_text_and_nothing_else(service: Started, case: str) -> None:
    name, source = NAMES[case]
    told = send(service, multipart(part(name=b'name="f"; filename=' + name) + END))
    assert told.statuses == [200]
    (answer,) = json.loads(told.body)["predictions"]
    assert (answer["source"], answer["digit"]) == (source, 7)
    head = told.content.partition(b"\r\n\r\n")[0].lower()
    assert b"set-cookie" not in head
    assert b"content-type: application/json" in head


def test_a_header_after_the_file_name_is_no_header_of_ours(service: Started) -> None:
    told = send(service, multipart(part(name=b'name="f"; filename="a.png"\r\nSet-Cookie: a=b') + END))
    assert told.statuses == [200]
    assert b"cookie" not in told.content.lower()


# Broken HTTP.

GET = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
POST = b"POST /predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: image/png\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def get(target: bytes) -> bytes:
    return GET.replace(b"/livez", target) + b"\r\n"


def posted(body: bytes, length: int) -> bytes:
    return POST + b"Content-Length: %d\r\n\r\n" % length + body


REQUESTS: dict[str, tuple[bytes, list[int]]] = {
    "garbage": (b"\x00\xff\x01\x02 garbage\r\n\r\n", [400]),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), [400]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "HTTP/1.0": (b"GET /livez HTTP/1.0\r\n\r\n", [200]),
    "HTTP/0.9": (b"GET /livez\r\n\r\n", [200]),
    "HTTP/9.9": (b"GET /livez HTTP/9.9\r\n\r\n", [400]),
    "line feeds alone": (GET.replace(b"\r", b"") + b"\n", [400]),
    "no host": (b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n", [200]),
    "two hosts": (GET + b"Host: b\r\n\r\n", [200]),
    "a header without a colon": (GET + b"nonsense\r\n\r\n", [400]),
    "a header with a space": (GET + b"X : a\r\n\r\n", [400]),
    "a header on two lines": (GET + b"X: a\r\n b\r\n\r\n", [400]),
    "a zero byte in a header": (GET + b"X: \x00\r\n\r\n", [400]),
    "binary in a header": (GET + b"X: \xff\xfe\r\n\r\n", [200]),
    "an identity of binary": (GET + b"X-Request-Id: \xff\xfe\r\n\r\n", [200]),
    "another host's target": (get(b"http://example.invalid/livez"), [200]),
    "CONNECT": (b"CONNECT example.invalid:443 HTTP/1.1\r\nHost: a\r\n\r\n", [400]),
    "a target of an asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", [404]),
    "a zero byte in the path": (get(b"/models/%00"), [404]),
    "a way out in the path": (get(b"/models/../../etc/passwd"), [404]),
    "a way out in the path, escaped": (get(b"/models/..%2f..%2fetc%2fpasswd"), [404]),
    "a way out of the page": (get(b"/page/..%2fsettings.py"), [404]),
    "line ends in the path": (get(b"/a%0d%0aX-Evil:%201"), [404]),
    "half a surrogate in the path": (get(b"/models/%ed%a0%80"), [404]),
    "binary in the path": (get(b"/\xff\xfe"), [400]),
    "an escape that is none": (get(b"/models/%zz%"), [404]),
    "binary in the query": (
        POST.replace(b"/predict", b"/predict?model=%ff%00") + b"Content-Length: 0\r\n\r\n", [404],
    ),
    "a query of 10,000 characters": (
        POST.replace(b"/predict", b"/predict?model=" + b"a" * 10_000) + b"Content-Length: 0\r\n\r\n", [404],
    ),
    "a length that is none": (POST + b"Content-Length: x\r\n\r\n", [400]),
    "a length below zero": (POST + b"Content-Length: -1\r\n\r\n", [400]),
    "a length with a plus": (POST + b"Content-Length: +1\r\n\r\na", [400]),
    "a length of 30 digits": (POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", [400]),
    "a length of 16 digits": (POST + b"Content-Length: " + b"9" * 16 + b"\r\n\r\n", [413]),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", [400]),
    "a length and chunks": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    "an encoding that is none": (POST + b"Transfer-Encoding: gzip\r\n\r\n", [400]),
    "chunked twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    "a chunk without a size": (CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n", [400]),
    "a chunk that is longer than its size": (CHUNKED + b"1\r\nabc\r\n0\r\n\r\n", [400]),
    "a chunk of 2^64 bytes": (CHUNKED + b"f" * 16 + b"\r\nabc", [408]),
    "a chunk of more than 2^64 bytes": (CHUNKED + b"f" * 17 + b"\r\nabc", [400]),
    "chunks that never end": (CHUNKED + b"5\r\nabcde\r\n", [408]),
    "chunks without a byte": (CHUNKED + b"0\r\n\r\n", [400]),
    "chunks of a picture": (CHUNKED + b"%x\r\n" % len(SEVEN) + SEVEN + b"\r\n0\r\nX: y\r\n\r\n", [200]),
    "a body that is shorter than its length": (posted(SEVEN, len(SEVEN) + 1), [408]),
    "a body that is longer than its length": (posted(SEVEN + b"garbage", len(SEVEN)), [200]),
    "two content types": (posted(SEVEN, len(SEVEN)).replace(b"image/png", b"image/png\r\nContent-Type: a/b"), [415]),
    "gzip that is none": (POST + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", [422]),
    "a body where none belongs": (GET + b"Content-Length: 100000\r\n\r\n" + bytes(100_000), [200]),
    "asking to go on": (POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(SEVEN) + SEVEN, [100, 200]),
    "asking to go on with too much": (POST + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", [413]),
    "expecting something else": (posted(SEVEN, len(SEVEN)).replace(b"Host", b"Expect: a\r\nHost"), [200]),
    "a web socket": (
        GET.replace(b"close", b"close, upgrade") + b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        [200],
    ),
    "fifty requests at once": (b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * 49 + GET + b"\r\n", [200] * 50),
    "garbage after a request": (b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n\x00\x01\r\n\r\n", [200]),
}  # fmt: skip


@pytest.mark.parametrize("case", REQUESTS)
def test_no_broken_request_is_our_fault(service: Started, case: str) -> None:
    request, statuses = REQUESTS[case]
    told = send(service, request)
    assert told.statuses == statuses
    assert told.closed
    assert_clean(told.content)
    if statuses[-1] >= 400:
        body = json.loads(told.body)
        assert list(body) == ["error"] or list(body) == ["model", "predictions"]


# Clients that come slowly, go early, or do not come at all.


def test_a_body_that_trickles_is_given_up_in_time(service: Started) -> None:
    began = time.monotonic()
    told = send(service, POST + b"Content-Length: 100\r\n\r\n", *[b"x"] * 40, pause_s=0.1)
    assert told.statuses == [408]
    assert json.loads(told.body)["error"]["code"] == "too_slow"
    assert BODY_SECONDS <= time.monotonic() - began < BODY_SECONDS + 3
    assert_clean(told.content)


def test_a_form_that_trickles_is_given_up_in_time(service: Started) -> None:
    body = part() + END
    pieces = [body[start : start + 10] for start in range(0, len(body), 10)]
    told = send(service, multipart(b"", length=len(body)), *pieces, pause_s=0.1)
    assert told.statuses == [408]


@pytest.mark.parametrize(
    "request_bytes", [b"", b"GE", GET[:20], GET, POST, posted(SEVEN[:50], len(SEVEN)), CHUNKED + b"5\r\nab"]
)
def test_who_leaves_early_costs_nothing(service: Started, request_bytes: bytes) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", service.port), 5) as connection:
            connection.sendall(request_bytes)


def test_who_leaves_before_the_answer_costs_nothing(service: Started) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", service.port), 5) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closes with a reset
            connection.sendall(posted(SEVEN, len(SEVEN)))


@pytest.mark.parametrize("repeated", [b"a" * 60_000, b"A: b\r\n" * 10_000], ids=["one header", "headers"])
def test_a_head_that_never_ends_is_cut_off(service: Started, repeated: bytes) -> None:
    told = send(service, GET + b"X: a\r\nX: ", *[repeated] * 60, b"\r\n\r\n")
    assert told.statuses in ([431], []), "a reset may overtake the answer"
    assert told.closed


def test_a_query_that_is_too_long_is_refused(service: Started) -> None:
    told = send(service, get(b"/livez?" + b"a" * 200_000))
    assert told.statuses in ([400], [431], [])
    assert_clean(told.content)


def test_a_hundred_idle_connections_keep_nobody_out(service: Started) -> None:
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), 5))
        assert httpx.post(service.url + "/predict", files={"f": SEVEN}, timeout=5).status_code == 200


def test_bodies_that_are_never_finished_keep_nobody_out(service: Started) -> None:
    with ExitStack() as stack:
        for _ in range(50):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), 5))
            connection.sendall(posted(b"x" * 1000, 1_900_000))
        assert httpx.post(service.url + "/predict", files={"f": SEVEN}, timeout=5).status_code == 200


# What nobody thought of.

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method", "negative_data_rejection", "allow_header_conformance",
)  # fmt: skip
KNOWN = '[parameters]\n"path.name" = "reader"\n"query.model" = "convnet"\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phases", "config"), [("examples,coverage", ""), ("fuzzing", KNOWN)], ids=["the document's edges", "at random"]
)
def test_schemathesis_finds_no_500_and_nothing_that_is_not_documented(
    service: Started, tmp_path: Path, phases: str, config: str
) -> None:
    (tmp_path / "schemathesis.toml").write_text(config)
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert program is not None
    command = [
        program, "--config-file", "schemathesis.toml", "run", service.url + "/docs.json", "--phases", phases,
        "--max-time", "12", "--max-examples", "30", "--generation-deterministic", "--checks", ",".join(CHECKS),
        "--report-har-path", "said.har", "--no-color",
    ]  # fmt: skip
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout
    generated = re.search(r"(\d+) generated, (\d+) passed", result.stdout)
    assert generated is not None, result.stdout
    assert int(generated[1]) == int(generated[2]) > 100
    entries = json.loads((tmp_path / "said.har").read_text())["log"]["entries"]
    refusals = [entry["response"]["content"] for entry in entries if entry["response"]["status"] >= 400]
    assert refusals
    for content in refusals:
        text = content.get("text", "")
        assert_clean(base64.b64decode(text) if content.get("encoding") == "base64" else text.encode())
