import pyarrow as pa
import pytest

from batch_emotion.options.tables import ColumnOptions
from batch_emotion.results.added_columns import AddedColumns, iso_times


@pytest.mark.parametrize(
    ("mtime_ns", "text"),
    [
        (1_795_635_824_870_952_105, "2026-11-25T19:43:44Z"),
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (None, None),
    ],
)
def test_times_are_iso_and_cut_to_the_second(mtime_ns: int | None, text: str | None) -> None:
    assert iso_times(pa.chunked_array([[mtime_ns]], pa.int64())).to_pylist() == [text]


def test_columns_stand_last_in_tables_and_schema_alike() -> None:
    plain = pa.table({"mtime_ns": pa.array([0, None], pa.int64())})
    added = AddedColumns(ColumnOptions(iso_time=True, model=True), "m", "0123456789abcdef", "uniform")
    (table,) = added.added([plain])
    assert table.schema == added.schema(plain.schema)
    assert table.to_pylist()[1] == {
        "mtime_ns": None,
        "mtime": None,
        "model": "m",
        "model_version": "0123456789ab",
        "class_prior": "uniform",
    }
    nothing = AddedColumns(ColumnOptions(), "m", "0", "training")
    assert list(nothing.added([plain])) == [plain]
    assert nothing.names == ()
