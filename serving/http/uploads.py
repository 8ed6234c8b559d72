"""The files of a request: multipart/form-data (RFC 7578) or one raw body, wholly in memory and never on disk."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from serving.http import errors

RAW_SOURCE = "body"
"""What an answer calls a picture that came without a file name."""
MAX_PART_HEADERS = 16 * 1024

_FILENAME = re.compile(rb'[; \t]filename="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_BARE_FILENAME = re.compile(rb'[; \t]filename=([^"; \t][^; \t]*)', re.IGNORECASE)
_EXTENDED_FILENAME = re.compile(rb"[; \t]filename\*=(utf-8|iso-8859-1)'[^']*'([^; \t]*)", re.IGNORECASE)  # RFC 5987
_BOUNDARY = re.compile(r';[ \t]*boundary=(?:"([^"]{1,70})"|([^"; \t]{1,70}))[ \t]*(?:;|$)', re.IGNORECASE)  # RFC 2046, 5.1.1
_HAS_FILENAME = re.compile(rb"[; \t]filename\*?=", re.IGNORECASE)
_CONTENT_TYPE = re.compile(rb"^content-type:[ \t]*([^\r\n;]+)", re.IGNORECASE | re.MULTILINE)
_DISPOSITION = re.compile(rb"^content-disposition:[ \t]*(.*)$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a request."""

    source: str
    data: bytes


def uploads_of(content_type: str, body: bytes, max_files: int) -> list[Upload]:
    """The files of a request's body, in order. Raises HttpError 400, 413 or 415."""
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    if kind == "multipart/form-data":
        uploads = _files(body, _boundary(content_type), max_files)
    elif is_raw(kind):
        uploads = [Upload(RAW_SOURCE, body)] if body else []
    else:
        raise errors.unsupported_media_type()
    if not uploads:
        raise errors.no_picture()
    return uploads


def is_raw(kind: str) -> bool:
    """Whether a content type announces one picture as the body."""
    return kind.startswith("image/") or kind == "application/octet-stream"


def is_supported(content_type: str) -> bool:
    """Whether a request of this content type can be read at all; asked before its body is."""
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    return kind == "multipart/form-data" or is_raw(kind)


def _boundary(content_type: str) -> bytes:
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise errors.malformed("its content type names no boundary")
    return (found[1] or found[2]).encode("latin-1")


def _files(body: bytes, boundary: bytes, max_files: int) -> list[Upload]:
    """Cut a body at its boundary. An own cut, because it costs a tenth of a parser that works byte by byte."""
    if not body:
        return []
    delimiter = b"\r\n--" + boundary
    # One more cut than files are allowed: enough to know that there are too many, however many there are.
    sections = (b"\r\n" + body).split(delimiter, max_files + 32)
    if len(sections) < 2:
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
        raise errors.too_many_files(max_files)
    raise errors.malformed("it ends before its last boundary")


def _file(section: bytes) -> Upload | None:
    """One part as a file; None for a form's other fields, and for a file input that was left empty."""
    head, separator, data = section.partition(b"\r\n\r\n")
    if not separator or not head.lstrip(b" \t").startswith(b"\r\n") or len(head) > MAX_PART_HEADERS:
        raise errors.malformed("a part has no proper headers")
    disposition = _DISPOSITION.search(head)
    if disposition is None:
        raise errors.malformed("a part has no content disposition")
    if _HAS_FILENAME.search(disposition[1]):
        name = _filename(disposition[1].rstrip(b"\r"))
        return Upload(name or RAW_SOURCE, data) if name or data else None
    kind = _CONTENT_TYPE.search(head)
    if kind and not kind[1].strip().lower().startswith(b"text/"):
        return Upload(RAW_SOURCE, data)
    return None


def _filename(disposition: bytes) -> str:
    if extended := _EXTENDED_FILENAME.search(disposition):
        return unquote(extended[2].decode("latin-1"), extended[1].decode().lower(), "replace")
    if quoted := _FILENAME.search(disposition):
        name = re.sub(rb"\\(.)", rb"\1", quoted[1]).decode("utf-8", "replace")
        return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")  # as browsers escape (RFC 7578, 4.2)
    bare = _BARE_FILENAME.search(disposition)
    return bare[1].decode("utf-8", "replace") if bare else ""
