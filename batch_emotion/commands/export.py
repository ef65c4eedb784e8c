"""``export``: a bundle's network in another format."""

from __future__ import annotations

import shutil
from typing import get_args

from batch_emotion.errors import OutputMismatch, UsageError
from batch_emotion.model.architectures import is_mirrored
from batch_emotion.model.bundle import load_bundle
from batch_emotion.options.export import ExportFormat, ExportOptions
from batch_emotion.storage.commits import committing, committing_folder


def export(options: ExportOptions) -> None:
    """Write the network; every format takes pixels of 0-255 and gives the bundle's probabilities.

    Raises:
        UsageError: the format is unknown or cannot hold the network, the output is there, or the bundle lacks it.
    """
    if options.format not in get_args(ExportFormat):
        raise UsageError(f"no format {options.format!r}; there are: {', '.join(get_args(ExportFormat))}")
    out = options.out
    if not out.absolute().parent.is_dir():
        raise UsageError(f"the folder {out.absolute().parent} does not exist; make it first")
    if out.exists() and not options.overwrite:
        raise OutputMismatch(f"{out} is there already; choose another `out` or give `overwrite`")
    if out.is_dir() != (options.format == "savedmodel") and out.exists():
        raise OutputMismatch(f"{out} is {'a directory' if out.is_dir() else 'a file'}; choose another `out`")
    bundle = load_bundle(options.model)
    if options.format == "savedmodel":
        from batch_emotion.model.runtime import save_savedmodel

        with committing_folder(out) as folder:
            save_savedmodel(bundle.keras_model(), folder)
        return
    with committing(out) as temporary:
        match options.format:
            case "keras":
                shutil.copyfile(bundle.checked(bundle.keras_file), temporary)
            case "onnx":
                if bundle.onnx_file is None:
                    raise UsageError(f"{bundle.card.name} has no model.onnx")
                shutil.copyfile(bundle.checked(bundle.onnx_file), temporary)
            case "joblib":
                import joblib

                joblib.dump(bundle.keras_model(), temporary)
            case "h5":
                model = bundle.keras_model()
                if is_mirrored(model):  # by operations that are no layers, which Keras cannot read back from HDF5
                    raise UsageError(
                        f"an h5 file cannot hold {bundle.card.name}, which sees mirror images too; "
                        "choose another `format`"
                    )
                partial = temporary.with_suffix(".h5")
                model.save(partial)
                partial.replace(temporary)
