"""The column types of a manifest that every stage of a run can carry, and what the others become."""

from __future__ import annotations

import pyarrow as pa

from batch_emotion.errors import SourceError


def plain_columns(table: pa.Table) -> pa.Table:
    """The same values in types that can be sliced, joined and written, and that any process reads alike.

    Dictionaries (categories) and run-end encodings become their values, and views become plain strings and bytes. An
    extension type that is not Arrow's own becomes its storage type and leaves its name with the column, so that a
    reader who knows the type gets it back. A column that promises to have no nulls no longer does.

    Raises:
        SourceError: naming a column whose values cannot be had in a plain type.
    """
    columns = []
    fields = []
    for column, field in zip(table.columns, table.schema, strict=True):
        kind = plain_type(field.type)
        try:
            columns.append(column if kind == field.type else _storage(column).cast(kind))
        except pa.ArrowException:
            raise SourceError(
                f"the manifest's column {field.name!r} holds {field.type}, which a result cannot hold; leave it out"
            ) from None
        fields.append(pa.field(field.name, kind, metadata=_extension_metadata(field)))
    return pa.table(columns, schema=pa.schema(fields))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """What values of this type are carried as: mostly the type itself."""
    types = pa.types
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
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
    return kind


def text_columns(table: pa.Table) -> pa.Table:
    """The columns as CSV holds them: extension types as their storage, and as text what CSV cannot be read back into.

    The text is Arrow's: a time is ``01:02:03.000``, a duration the number of its units, nothing a null.
    """
    for number, field in enumerate(table.schema):
        column = _storage(table.column(number))
        if not _has_text(column.type):
            column = column.cast(pa.string())
        if column.type != field.type:
            table = table.set_column(number, pa.field(field.name, column.type), column)
    return table


def _has_text(kind: pa.DataType) -> bool:
    """Whether values of this type can be made from their text."""
    try:
        pa.array([], pa.string()).cast(kind)
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
