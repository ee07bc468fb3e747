"""A column of numbers out of a table, without pandas."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.index.tables import numbers

CELLS = st.one_of(st.none(), st.floats(-10, 10))


@given(st.lists(st.lists(CELLS, max_size=20), max_size=3), st.integers(0, 3))
def test_numbers_are_those_that_pyarrow_gives(cells: list[list[float | None]], skip: int) -> None:
    column = pa.chunked_array(cells, pa.float64()).slice(skip)
    np.testing.assert_array_equal(numbers(column), column.to_numpy())


def test_whole_numbers_and_what_is_no_number() -> None:
    assert numbers(pa.chunked_array([[1, 2], [3]], pa.int32())).tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="missing"):
        numbers(pa.chunked_array([[1, None]], pa.int64()))
    with pytest.raises(KeyError):
        numbers(pa.chunked_array([["a"]]))
