"""The column types that every stage of a run can carry and every output can hold, and what the others become."""

from __future__ import annotations

import difflib
import io
import shlex
from collections.abc import Sequence

import pyarrow as pa

from batch_emotion.errors import SourceError


def check_once(names: Sequence[str], shown: str) -> None:
    """Refuse a table of which a column is there twice.

    Args:
        names: of its columns.
        shown: what the table is called in errors.

    Raises:
        SourceError: naming the columns.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(f"{shown} has a column more than once: {', '.join(name or '(no name)' for name in twice)}")


def find_column(names: Sequence[str], wanted: str) -> str | None:
    """The column of this name, else the only one that has it with white space around it; None where there is none."""
    if wanted in names:
        return wanted
    padded = [name for name in names if name.strip() == wanted.strip()]
    return padded[0] if len(padded) == 1 else None


def lacks_column(tables: Sequence[str], column: str, names: Sequence[str]) -> str:
    """What to say of a column that none of some tables has: which they have, and which of these may be meant.

    Args:
        tables: what they are called, one or two.
        column: the one that is not there.
        names: all that are.
    """
    has, they = ("has no", "it has") if len(tables) == 1 else ("has a", "they have")
    near = difflib.get_close_matches(column, names, 1)
    hint = f"; did you mean {shlex.quote(near[0])}?" if near else ""
    subject = tables[0] if len(tables) == 1 else f"neither {' nor '.join(tables)}"
    return f"{subject} {has} column {column!r}; {they}: {', '.join(names) or 'none'}{hint}"


def plain_columns(table: pa.Table) -> pa.Table:
    """The same values in types that can be sliced, joined and written, and that any process reads alike.

    Dictionaries (categories) become their values, and views plain strings and bytes. An extension type that is not
    Arrow's own becomes its storage type and leaves its name with the column, so that a reader who knows the type gets
    it back. A column that promises to have no nulls no longer does.

    Raises:
        SourceError: naming a column whose values cannot be had in a plain type.
    """
    columns = []
    fields = [plain_field(field) for field in table.schema]
    for column, field, before in zip(table.columns, fields, table.schema, strict=True):
        try:
            columns.append(column if field.type == before.type else _storage(column).cast(field.type))
            if pa.types.is_timestamp(field.type) and field.type.unit == "s":
                column.cast(pa.timestamp("ms", field.type.tz))  # as Parquet will
        except pa.ArrowException:
            raise SourceError(
                f"the manifest's column {field.name!r} holds {before.type}, which a result cannot hold; leave it out"
            ) from None
    return pa.table(columns, schema=pa.schema(fields))


def repacked(table: pa.Table) -> pa.Table:
    """The same values, without what lies beneath nulls or beyond a slice, by which equal plans would be told apart."""
    columns = [
        pa.chunked_array([chunk.take(pa.array(range(len(chunk)), pa.int64())) for chunk in column.chunks], column.type)
        for column in table.columns
    ]
    return pa.table(columns, schema=table.schema)


def plain_field(field: pa.Field) -> pa.Field:
    """The field that such values are carried in: nullable, and with no metadata but an extension type's name."""
    return pa.field(field.name, plain_type(field.type), metadata=_extension_metadata(field))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """What values of this type are carried as: mostly the type itself."""
    types = pa.types
    if types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if types.is_string_view(kind):
        return pa.string()
    if types.is_binary_view(kind):
        return pa.binary()
    if isinstance(kind, pa.BaseExtensionType):
        storage = plain_type(kind.storage_type)
        return storage if isinstance(kind, pa.ExtensionType) or storage != kind.storage_type else kind
    if types.is_struct(kind):
        return pa.struct([_plain_field(kind.field(number)) for number in range(kind.num_fields)])
    if types.is_map(kind):
        return pa.map_(_plain_field(kind.key_field), _plain_field(kind.item_field), kind.keys_sorted)
    if types.is_fixed_size_list(kind):
        return pa.list_(_plain_field(kind.value_field), kind.list_size)
    if types.is_large_list(kind):
        return pa.large_list(_plain_field(kind.value_field))
    if types.is_list(kind):
        return pa.list_(_plain_field(kind.value_field))
    if types.is_list_view(kind):
        return pa.list_view(_plain_field(kind.value_field))
    return kind


def text_columns(table: pa.Table) -> pa.Table:
    """The columns as CSV is to hold them: extension types as their storage, and as text what no text can be cast to.

    So the rows of an earlier CSV result fit beside those of a new one. The text is Arrow's: a time of day is
    ``01:02:03.000``, a duration the number of its units. What has no text is left for ``check_writable`` to refuse.

    Raises:
        SourceError: naming a column of text that is not UTF-8.
    """
    for number, field in enumerate(table.schema):
        column = _storage(table.column(number))
        if not _can_be_cast(pa.string(), column.type) and _can_be_cast(column.type, pa.string()):
            column = column.cast(pa.string())
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            try:
                column.validate(full=True)
            except pa.ArrowInvalid:
                raise SourceError(
                    f"the manifest's column {field.name!r} holds text that is not UTF-8, which CSV cannot hold; "
                    "write to .parquet instead"
                ) from None
        if column.type != field.type:
            table = table.set_column(number, pa.field(field.name, column.type), column)
    return table


def check_writable(attributes: pa.Schema, flat: bool) -> None:
    """Refuse columns that an output cannot hold, by asking its writer.

    Args:
        attributes: the columns.
        flat: the output is CSV, which holds no nested or binary values.

    Raises:
        SourceError: naming the columns.
    """
    odd = [f"{field.name} ({field.type})" for field in attributes if not _is_writable(field, flat)]
    if odd and flat:
        raise SourceError(f"CSV cannot hold the manifest's column {', '.join(odd)}; write to .parquet instead")
    if odd:
        raise SourceError(f"Parquet cannot hold the manifest's column {', '.join(odd)}; leave it out of the manifest")


def _is_writable(field: pa.Field, flat: bool) -> bool:
    import pyarrow.csv
    import pyarrow.parquet as pq

    types, kind = pa.types, field.type
    binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    if flat and binary:  # its writer would take it, and write what is no text
        return False

    schema, sample = pa.schema([field]), io.BytesIO()
    try:
        with pyarrow.csv.CSVWriter(sample, schema) if flat else pq.ParquetWriter(sample, schema) as writer:
            writer.write_table(pa.table([pa.nulls(1, kind)], schema))
    except pa.ArrowException:
        return False
    return True


def _can_be_cast(kind: pa.DataType, to: pa.DataType) -> bool:
    try:
        pa.array([], kind).cast(to)
    except pa.ArrowException:
        return False
    return True


def _plain_field(field: pa.Field) -> pa.Field:
    return field.with_type(plain_type(field.type))


def _storage(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)


def _extension_metadata(field: pa.Field) -> dict[bytes, bytes] | None:
    """What makes a reader who knows the extension type see it in the storage; other metadata is of the file."""
    kind = field.type
    if isinstance(kind, pa.ExtensionType):
        name, details = kind.extension_name.encode(), kind.__arrow_ext_serialize__()
        return {b"ARROW:extension:name": name, b"ARROW:extension:metadata": details}
    kept = {key: value for key, value in (field.metadata or {}).items() if key.startswith(b"ARROW:extension:")}
    return kept or None
