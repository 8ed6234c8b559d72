"""Rows as Parquet, made of the CSV that a run has finished."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

GROUP = 1 << 16
"""Rows of a row group: as many as are held at a time."""
BLOCK = 1 << 20
"""Bytes of the CSV that are parsed at a time; no row is as long."""
MISSING = "Parquet needs the package pyarrow: pip install 'digits[parquet]'"


class ParquetMissing(Exception):
    """The library is not installed; the message says how to get it."""


def check() -> None:
    """Raises ParquetMissing; asked before a run begins."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise ParquetMissing(MISSING) from None


def convert(table: Path, path: Path, go_on: Callable[[], None]) -> None:
    r"""Make a Parquet file of a CSV's rows: the same columns, typed, the same bytes each time.

    A name that is not UTF-8 is told with its bytes escaped, as \xff: a text of Parquet holds nothing else. go_on: called
    between groups, and may raise. Raises OSError.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with table.open("rb") as file:
        names = file.readline().decode().rstrip("\r\n").split(",")
        schema = pa.schema([(name, _type(name, pa)) for name in names])
        file.seek(0)
        with path.open("wb") as out, pq.ParquetWriter(out, schema, compression="zstd") as writer:
            for group in _groups(_batches(file, schema)):
                go_on()
                writer.write_table(pa.Table.from_batches(group, schema), row_group_size=GROUP)


def _type(name: str, pa: Any) -> Any:
    if name == "digit" or (name.startswith("top") and name[3:].isdecimal()):
        return pa.int8()
    if name == "confidence" or name.endswith("_probability") or (name.startswith("p") and name[1:].isdecimal()):
        return pa.float64()
    return pa.string()


def _batches(file: Any, schema: Any) -> Iterator[Any]:
    """A CSV's rows by the block. Sources are read as bytes, as the library would refuse those that are no text."""
    import pyarrow as pa
    from pyarrow import csv

    types = {field.name: field.type for field in schema} | {"source": pa.binary()}
    options = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    for batch in csv.open_csv(
        file,
        read_options=csv.ReadOptions(block_size=BLOCK),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=options,
    ):
        yield pa.record_batch([_text(batch.column("source")), *batch.columns[1:]], schema)


def _text(names: Any) -> Any:
    import pyarrow as pa

    try:
        return names.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([name.decode("utf-8", "backslashreplace") for name in names.to_pylist()], pa.string())


def _groups(batches: Iterator[Any]) -> Iterator[list[Any]]:
    """Batches cut and put together to GROUP rows, the last group aside."""
    held: list[Any] = []
    room = GROUP
    for batch in batches:
        rest = batch
        while len(rest) >= room:
            yield [*held, rest[:room]]
            held, rest, room = [], rest[room:], GROUP
        if len(rest):
            held.append(rest)
            room -= len(rest)
    if held:
        yield held
