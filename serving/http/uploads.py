"""The files of a request: multipart/form-data (RFC 7578) or one raw body, wholly in memory and never on disk."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from serving.http import errors

RAW_SOURCE = "body"
"""What an answer calls a picture that came without a file name."""
MAX_PART_HEADERS = 16 * 1024
MAX_FIELDS = 1000
"""Fields without a file that a form may have beside its files."""

_BOUNDARY = re.compile(r';[ \t]*boundary=(?:"([^"]{1,70})"|([^"; \t]{1,70}))[ \t]*(?:;|$)', re.IGNORECASE)  # RFC 2046, 5.1.1
_HEADER = re.compile(rb"^(content-disposition|content-type):[ \t]*(.*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_PLAIN = re.compile(
    rb'\r\nContent-Disposition: form-data; name="[^"\\\r\n]*"; filename="([^"\\\r\n%]*)"'
    rb"(?:\r\nContent-Type: [^\r\n]*)?\r\n\r\n"
)
"""A part's headers as nearly every client writes them: one match instead of the whole grammar, five times as fast."""
_FOLD = re.compile(rb"\r\n[ \t]+")
_PARAMETER = re.compile(rb';[ \t]*([!-:<>-~]+?)=(?:"((?:[^"\\]|\\.)*)"|([^;]*))')
_EXTENDED = re.compile(rb"(utf-8|iso-8859-1)'[^']*'(.*)", re.IGNORECASE)  # RFC 5987


class Upload(NamedTuple):
    """One file of a request."""

    source: str
    data: bytes


class Form(NamedTuple):
    """What a content type says of a body."""

    is_multipart: bool
    """Else it is one picture."""
    boundary: bytes
    """Between the parts; empty where it is not named."""


@lru_cache(maxsize=256)
def form_of(content_type: bytes) -> Form:
    """How a body is to be read; asked before it is there. Raises HttpError 415 where it cannot be."""
    told = content_type.decode("latin-1")
    kind = told.split(";", maxsplit=1)[0].strip().lower()
    if kind == "multipart/form-data":
        found = _BOUNDARY.search(told)
        return Form(is_multipart=True, boundary=(found[1] or found[2]).encode("latin-1") if found else b"")
    if kind.startswith("image/") or kind == "application/octet-stream":
        return Form(is_multipart=False, boundary=b"")
    raise errors.unsupported_media_type()


def uploads_of(form: Form, body: bytes, max_files: int) -> list[Upload]:
    """The files of a request's body, in order. Raises HttpError 400 or 413."""
    if not body:
        raise errors.no_picture()
    if not form.is_multipart:
        return [Upload(RAW_SOURCE, body)]
    if not form.boundary:
        raise errors.malformed("its content type names no boundary")
    uploads = _files(body, form.boundary, max_files)
    if not uploads:
        raise errors.no_picture()
    return uploads


def _files(body: bytes, boundary: bytes, max_files: int) -> list[Upload]:
    """Cut a body at its boundary, all of it in memory, strict about what a part must have."""
    delimiter = b"\r\n--" + boundary
    # One cut more than is allowed: enough to know that there are too many parts, however many there are.
    sections = (b"\r\n" + body).split(delimiter, max_files + MAX_FIELDS + 1)
    if len(sections) == 1:
        raise errors.malformed("its boundary does not occur")
    uploads: list[Upload] = []
    for section in sections[1:]:
        if section.startswith(b"--"):
            return uploads
        upload = _file(section)
        if upload is not None:
            uploads.append(upload)
        if len(uploads) > max_files:
            raise errors.too_many_files(max_files)
    if delimiter in sections[-1]:
        raise errors.malformed(f"it has more than {MAX_FIELDS} fields")
    raise errors.malformed("it ends before its last boundary")


def _file(section: bytes) -> Upload | None:
    """One part as a file; None for a form's other fields, and for a file input that was left empty."""
    if (plain := _PLAIN.match(section)) and (plain[1] or len(section) > plain.end()):
        return Upload(plain[1].decode("utf-8", "replace") or RAW_SOURCE, section[plain.end() :])
    head, separator, data = section.partition(b"\r\n\r\n")
    if not separator or not head.lstrip(b" \t").startswith(b"\r\n") or len(head) > MAX_PART_HEADERS:
        raise errors.malformed("a part has no proper headers")
    headers = {name.lower(): value for name, value in _HEADER.findall(_FOLD.sub(b" ", head))}
    if b"content-disposition" not in headers:
        raise errors.malformed("a part has no content disposition")
    found = _PARAMETER.findall(headers[b"content-disposition"])
    parameters = {name.lower(): (quoted, bare) for name, quoted, bare in found}
    if parameters.keys() & {b"filename", b"filename*"}:
        name = _filename(parameters)
        return Upload(name or RAW_SOURCE, data) if name or data else None
    kind = headers.get(b"content-type", b"text/plain")
    return None if kind.lower().startswith(b"text/") else Upload(RAW_SOURCE, data)


def _filename(parameters: dict[bytes, tuple[bytes, bytes]]) -> str:
    if extended := _EXTENDED.fullmatch(b"".join(parameters.get(b"filename*", ())).strip()):
        return unquote(extended[2].decode("latin-1"), extended[1].decode().lower(), "replace")
    quoted, bare = parameters.get(b"filename", (b"", b""))
    # A backslash belongs to the name unless it is before a quote or another one: Windows paths come as they are.
    name = (re.sub(rb'\\(["\\])', rb"\1", quoted) or bare.strip()).decode("utf-8", "replace")
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")  # as browsers escape (RFC 7578, 4.2)
