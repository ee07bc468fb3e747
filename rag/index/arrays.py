"""Arrays in files: written block by block, mapped into memory, and read a part at a time."""

from __future__ import annotations

import io
import mmap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Vectors
from rag.index import disk

BLOCK = 65_536  # rows at once


def write_array(
    path: Path, shape: tuple[int, ...], dtype: Any, blocks: Iterator[NDArray[Any]]
) -> disk.NewFile:
    """Write a .npy file of known shape from consecutive blocks of rows; the closed file knows its
    hash and size.
    """
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header,
        {
            "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
            "fortran_order": False,
            "shape": shape,
        },
    )
    with disk.new_file(path) as file:
        file.write(header.getvalue())
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype=dtype))
    return file


def map_array(path: Path) -> NDArray[Any]:
    """A .npy file mapped into memory, read-only. Raises `OSError` or `ValueError`."""
    try:
        return np.asarray(np.lib.format.open_memmap(path, mode="r"))
    except (OSError, ValueError):
        raise
    # numpy reads the header as Python: a damaged one raises whatever its tokenizer does
    except Exception as error:
        raise ValueError(f"{path.name} has a damaged header: {error}") from error


def release(array: NDArray[Any]) -> None:
    """Give back the memory that reading a mapped array took; what is in it stays readable, from the
    disk's cache.
    """
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    if base is not None:
        base.madvise(mmap.MADV_DONTNEED)


def blocks_of(
    rows: NDArray[np.int64], take: Callable[[NDArray[np.int64]], NDArray[Any]]
) -> Iterator[NDArray[Any]]:
    """What `take` gives for the rows, some at a time."""
    for start in range(0, len(rows), BLOCK):
        yield take(rows[start : start + BLOCK])


def sample(
    vectors: Vectors, most: int, rows: Sequence[int] | NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """At most `most` of the rows (all of them by default), the same ones each time, in order."""
    all_rows = np.arange(len(vectors)) if rows is None else np.asarray(rows, dtype=np.int64)
    if len(all_rows) <= most:
        return all_rows
    return np.sort(np.random.default_rng(0).choice(all_rows, most, replace=False))
