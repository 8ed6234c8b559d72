"""Rows as Parquet, made of the JSON lines that a run has finished."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from serving.folder.written import objects

GROUP = 1 << 16
"""Rows that are held at a time."""
MISSING = "Parquet needs the package pyarrow: pip install 'digits[parquet]'"


class ParquetMissing(Exception):
    """The library is not installed; the message says how to get it."""


def check() -> None:
    """Raises ParquetMissing; asked before a run begins."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise ParquetMissing(MISSING) from None


def write(lines: Path, path: Path) -> None:
    """Make a Parquet file of JSON lines. A name that is not UTF-8 is told with escapes. Raises OSError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    top = pa.struct([("digit", pa.int8()), ("name", pa.string()), ("probability", pa.float64())])
    schema = pa.schema([
        ("source", pa.string()), ("index", pa.int64()), ("status", pa.string()), ("digit", pa.int8()), ("name", pa.string()),
        ("confidence", pa.float64()), ("probabilities", pa.list_(pa.float64())), ("reason", pa.string()),
        ("message", pa.string()), ("model", pa.string()), ("top", pa.list_(top)),
    ])  # fmt: skip
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(map(_printable, objects(lines))):
            writer.write_table(pa.Table.from_pylist(group, schema))


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while group := list(islice(rows, GROUP)):
        yield group


def _printable(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "source": row["source"].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")}
