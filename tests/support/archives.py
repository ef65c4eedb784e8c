"""Archives and tables of the images in a folder."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def members_of(folder: Path) -> dict[str, bytes]:
    """The images below a folder, in the order of a walk, by their names from there."""
    files = sorted(folder.rglob("*.png"))
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def tar_of(members: Mapping[str, bytes], mtime: float = 1_700_000_000, **how: Any) -> bytes:
    """A tar; ``how`` goes to ``tarfile.open``."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, **({"mode": "w"} | how)) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), mtime  # type: ignore[assignment]
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def tar_with(*infos: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of headers alone, and its end."""
    return b"".join(info.tobuf(form) for info in infos) + bytes(1024)


def tar_info(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> tarfile.TarInfo:
    """A header."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mtime = kind, size, target, 1_700_000_000
    return info


def zip_of(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def table_of(members: Mapping[str, bytes], class_names: Sequence[str] = ()) -> pa.Table:
    """A table as Hugging Face's data sets have it: an image with its path, and the number of its class."""
    images = [{"bytes": content, "path": name} for name, content in members.items()]
    columns = {"image": pa.array(images, pa.struct({"bytes": pa.binary(), "path": pa.string()}))}
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    if class_names:
        columns["label"] = pa.array([class_names.index(name.split("/")[0]) for name in members])
        features["label"] = {"names": list(class_names), "_type": "ClassLabel"}
    return pa.table(columns).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def write_archive(path: Path, members: Mapping[str, bytes]) -> Path:
    """An archive or a table, as the path's ending says."""
    kind = "".join(path.suffixes[-2:]) if path.suffixes[0] == ".tar" else path.suffix
    if kind == ".parquet":
        pq.write_table(table_of(members), path, row_group_size=7)
    elif kind == ".arrow":
        table = table_of(members)
        with pa.ipc.new_file(str(path), table.schema) as file:
            file.write_table(table, max_chunksize=9)
    elif kind == ".zip":
        path.write_bytes(zip_of(members, zipfile.ZIP_DEFLATED))
    elif kind == ".tar.zst":
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(tar_of(members))
    else:
        path.write_bytes(tar_of(members, mode="w:gz" if kind == ".tar.gz" else "w"))
    return path
