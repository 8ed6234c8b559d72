"""Mosec: one stage of two workers, with dynamic batching.

    MODEL=model.onnx MAX_BATCH=32 python mosec_server.py --address 127.0.0.1 --port PORT

A worker takes up to MAX_BATCH requests at once, and waits a millisecond at most for them; with 1 it takes each as it comes.
POST /predict takes one picture as the raw body, or several: "many", then each after its length, 4 bytes, little-endian.
Either is answered with a row of ten probabilities for each, as JSON.
"""

import os
from collections.abc import Iterator

import orjson
from mosec import Server, Worker
from network import Network, resized

MAX_BATCH = int(os.environ["MAX_BATCH"])
MANY = b"many"


class Digits(Worker):
    """Decodes and classifies the pictures of all the requests of a batch together."""

    def __init__(self) -> None:
        super().__init__()
        self._network = Network(os.environ["MODEL"])

    def deserialize(self, data: bytes) -> list[bytes]:
        """The files of one request."""
        return list(unpacked(data)) if data.startswith(MANY) else [data]

    def forward(self, data: list[list[bytes]] | list[bytes]) -> list[list[list[float]]] | list[list[float]]:
        """The rows of each request of a batch; without batching, of the one there is."""
        requests = data if MAX_BATCH > 1 else [data]
        rows = iter(self._network.probabilities([resized(content) for files in requests for content in files]).tolist())
        answers = [[next(rows) for _ in files] for files in requests]
        return answers if MAX_BATCH > 1 else answers[0]

    def serialize(self, data: list[list[float]]) -> bytes:
        """The answer to one request."""
        return orjson.dumps({"predictions": data})


def unpacked(data: bytes) -> Iterator[bytes]:
    """The files of a body that holds several."""
    start = len(MANY)
    while start < len(data):
        end = start + 4 + int.from_bytes(data[start : start + 4], "little")
        yield data[start + 4 : end]
        start = end


if __name__ == "__main__":
    server = Server()
    server.append_worker(Digits, num=2, max_batch_size=MAX_BATCH, max_wait_time=1, route="/predict")
    server.run()
