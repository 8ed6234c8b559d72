"""Requests that the document shows, and what the service's own model answers to them."""

import base64
from typing import Any, NamedTuple

import cv2
import numpy as np

from serving.catalogue import Model
from serving.classifier import classify
from serving.http.uploads import RAW_SOURCE
from serving.outcome import Wanted, answer
from serving.reading import Limits, png, read

BOUNDARY = "example"
LETTER = b"Dear Sir or Madam,\n"
"""A file that is no picture."""
PLAIN, WANTED = Wanted(), Wanted(top=3, seen=True)


class Example(NamedTuple):
    """A request's body, and the object that it is answered with where the query is empty."""

    summary: str
    content_type: str
    body: bytes
    answer: dict[str, Any]

    @property
    def uri(self) -> str:
        """The body as a URI."""
        return data_uri(self.content_type.replace(" ", ""), self.body)


def data_uri(content_type: str, body: bytes) -> str:
    """Bytes as a URI that holds them."""
    return f"data:{content_type};base64,{base64.b64encode(body).decode()}"


def picture() -> bytes:
    """A seven, drawn dark on white, as a PNG file."""
    paper = np.full((64, 64), 255, np.uint8)
    stroke = np.array([[18, 15], [46, 15], [29, 50]], np.int32)
    cv2.polylines(paper, [stroke], isClosed=False, color=40, thickness=5, lineType=cv2.LINE_AA)
    return png(paper)


def form(files: dict[str, bytes]) -> bytes:
    """A multipart body with these files, by their names."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode() + data + b"\r\n"
        for name, data in files.items()
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


class Examples:
    """Examples of POST /predict as one model answers them."""

    def __init__(self, model: Model, limits: Limits) -> None:
        seven = picture()
        multipart = f"multipart/form-data; boundary={BOUNDARY}"

        def answers(files: dict[str, bytes], wanted: Wanted = PLAIN) -> dict[str, Any]:
            outcomes = zip(files, classify(files.values(), model, limits), strict=True)
            told = [
                answer(outcome, name, index, model.identity, model.card, wanted)
                for index, (name, outcome) in enumerate(outcomes)
            ]
            return {"model": model.identity, "predictions": told}

        one, several, none = {RAW_SOURCE: seven}, {"seven.png": seven, "letter.txt": LETTER}, {"letter.txt": LETTER}
        self.picture = Example("One picture as the body.", "image/png", seven, answers(one))
        self.octets = self.picture._replace(content_type="application/octet-stream")
        self.files = Example("A form with a picture and a file that is none.", multipart, form(several), answers(several))
        self.unreadable = Example("A form without a readable picture.", multipart, form(none), answers(none))
        self.placed = read(seven, "digit", Limits()).picture
        """What a network sees of the picture, (28, 28) uint8."""
        self.model = model.card.name
        self.more = answers(one, WANTED)
        """What the picture is answered with where the query asks for WANTED."""
