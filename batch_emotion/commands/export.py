"""``export``: a bundle's network in another format, which carries its classes and preprocessing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch_emotion.errors import BatchEmotionError, OutputMismatch, UsageError
from batch_emotion.images.pipeline import stream
from batch_emotion.model.architectures import is_mirrored
from batch_emotion.model.bundle import Bundle, load_bundle
from batch_emotion.model.bundle_files import INT8_FILE, bundle_names
from batch_emotion.model.exported_card import add_to_h5, add_to_zip, exported_texts, write_beside
from batch_emotion.model.litert import LiteRtRuntime
from batch_emotion.model.onnx_file import named_onnx
from batch_emotion.model.quantization import CALIBRATION_IMAGES, COMPARED_IMAGES, FEWEST_IMAGES, int8_network
from batch_emotion.model.runtime import open_runtime, serving_function
from batch_emotion.model.savedmodel import save_savedmodel, savedmodel_names
from batch_emotion.options.export import ExportFormat, ExportOptions
from batch_emotion.options.images import Limits
from batch_emotion.records import Status
from batch_emotion.runs.asked import asked
from batch_emotion.sources.plan_table import part_of
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.commits import check_folder, committing, committing_folder
from batch_emotion.storage.targets import check_named, check_replaceable, check_spared

EXTENSIONS: dict[ExportFormat, tuple[str, ...]] = {
    "h5": (".h5", ".hdf5"),
    "joblib": (".joblib", ".pkl", ".pickle"),
    "keras": (".keras",),
    "savedmodel": ("",),
    "onnx": (".onnx",),
    "int8": (".onnx",),
    "tflite": (".tflite",),
    "tflite-int8": (".tflite",),
}
FEWEST_AGREEING = 0.9
"""The least share of images for which integers throughout predict the same class: below it something went wrong."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        out: the file, or the folder.
        agreement: of a network of integers throughout, the share of images for which it predicts the class that the
            bundle predicts; None for other formats, which give the bundle's predictions.
        compared: the number of these images.
    """

    out: Path
    agreement: float | None = None
    compared: int = 0


def export(
    model: ExportOptions | str | Path,
    *,
    format: ExportFormat | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    calibration: str | Path | None = None,
) -> Exported:
    """Write the network; every format takes pixels of 0-255 and gives the bundle's probabilities.

    Args:
        model: a bundled model's name, or a bundle's folder; or ``ExportOptions``, which hold all that the keywords can
            say.
        format: ``onnx``, ``int8``, ``tflite``, ``tflite-int8``, ``savedmodel``, ``keras``, ``h5`` or ``joblib``.
        out: the file, with the format's extension, or the folder of a SavedModel; needed.
        overwrite: replace what is there.
        calibration: a folder of faces to make ``int8`` or ``tflite-int8`` with.

    Raises:
        WrongType: a value is of another type, such as a format that there is not.
        UsageError: the format does not go with the file's extension or cannot hold the network, the output is there, or
            the bundle lacks it.

    Example:
        >>> from batch_emotion import export
        >>> export("emotion-7", format="onnx", out="emotion-7.onnx").out.name
        'emotion-7.onnx'
    """
    keywords = {"format": format, "out": out, "overwrite": overwrite, "calibration": calibration}
    return _exported(asked(ExportOptions, "model", model, keywords))


def _exported(options: ExportOptions) -> Exported:
    _check(options)
    bundle, out = load_bundle(options.model), options.out
    if bundle.folder is None:
        raise UsageError(f"{bundle.card.name} is no bundle, and export needs one: a bundled model's name or its folder")
    _check_spared(options, bundle)
    texts = exported_texts(bundle)
    if options.format == "savedmodel":
        model = bundle.keras_model()
        with committing_folder(out) as folder:
            save_savedmodel(model, folder, serving_function(model))
            write_beside(folder, texts)
        return Exported(out)
    exported = Exported(out)
    with committing(out) as temporary:
        match options.format:
            case "keras":
                shutil.copyfile(bundle.checked(bundle.folder / "model.keras"), temporary)
                add_to_zip(temporary, texts)
            case "onnx":
                if bundle.onnx_file is None:
                    raise UsageError(f"{bundle.card.name} has no model.onnx")
                temporary.write_bytes(named_onnx(bundle.checked(bundle.onnx_file).read_bytes(), texts))
            case "int8":
                temporary.write_bytes(named_onnx(_int8(bundle, options.calibration), texts))
            case "tflite":
                from batch_emotion.model.tflite import tflite_bytes

                temporary.write_bytes(tflite_bytes(bundle.keras_model()))
                add_to_zip(temporary, texts)
            case "tflite-int8":
                exported = _write_int8_tflite(bundle, options, temporary)
                add_to_zip(temporary, texts)
            case "joblib":
                import joblib

                joblib.dump(bundle.keras_model(), temporary)
            case "h5":
                _write_h5(bundle, temporary)
                add_to_h5(temporary, texts)
    return exported


def _check(options: ExportOptions) -> None:
    out, form = options.out, options.format
    check_named(out, f"file or folder, such as exported{EXTENSIONS[form][0]}")
    extensions = EXTENSIONS[form]
    others = {each for ends in EXTENSIONS.values() for each in ends} - {*extensions, ""}
    if out.suffix.lower() in others or (form != "savedmodel" and out.suffix.lower() not in extensions):
        wanted = "without an extension, as it is a folder" if form == "savedmodel" else f"in {' or '.join(extensions)}"
        fitting = [name for name, ends in EXTENSIONS.items() if out.suffix.lower() in ends and out.suffix]
        hint = f", or give `format` {' or '.join(fitting)}" if fitting else ""
        raise UsageError(f"`format` {form} does not go with {out.name}: have `out` end {wanted}{hint}")
    if form == "tflite-int8" and options.calibration is None:
        raise UsageError("`format` tflite-int8 needs `calibration`, a folder of faces such as those of the training")
    if options.calibration is not None and form not in ("int8", "tflite-int8"):
        raise UsageError(f"`calibration` goes with `format` int8 or tflite-int8, not {form}; leave it out")
    check_folder(out.absolute().parent)
    if out.exists() and not options.overwrite:
        raise OutputMismatch(f"{out} is there already; choose another `out` or give `overwrite`")
    if form == "savedmodel":
        check_replaceable(out, savedmodel_names(out).__contains__)
    elif out.is_dir():
        raise OutputMismatch(f"{out} is a folder, and {form} is a file; choose another `out`")


def _check_spared(options: ExportOptions, bundle: Bundle) -> None:
    """Refuse to write over the bundle itself, or over the faces that its network is calibrated with."""
    is_folder = options.format == "savedmodel"
    own = [] if is_folder or bundle.folder is None else [bundle.folder / name for name in bundle_names(bundle.folder)]
    check_spared(options.out, (bundle.folder, *own, options.calibration), inside=is_folder)


def _int8(bundle: Bundle, calibration: Path | None) -> bytes:
    if calibration is None:
        if bundle.int8_file is None:
            raise UsageError(
                f"{bundle.card.name} has no {INT8_FILE}; give `calibration`, a folder of faces to make one with"
            )
        return bundle.checked(bundle.int8_file).read_bytes()
    if bundle.onnx_file is None:
        raise UsageError(f"{bundle.card.name} has no model.onnx to make int8 of")
    return int8_network(bundle.checked(bundle.onnx_file), _faces(bundle, calibration)).onnx


def _write_int8_tflite(bundle: Bundle, options: ExportOptions, file: Path) -> Exported:
    """Write a network of integers throughout, and tell how often it agrees on images that it was not made with."""
    from batch_emotion.model.tflite import int8_tflite_bytes

    pixels = _faces(bundle, options.calibration or Path())
    if len(pixels) < FEWEST_IMAGES:
        raise BatchEmotionError(f"{len(pixels)} images are too few to calibrate with; {FEWEST_IMAGES} are needed")
    pixels = np.random.default_rng(0).permutation(pixels)
    cut = min(CALIBRATION_IMAGES, len(pixels) // 2)
    file.write_bytes(int8_tflite_bytes(bundle.keras_model(), pixels[:cut]))
    compared = pixels[cut:]
    expected, found = (
        each.predict_proba(compared).argmax(axis=1) for each in (open_runtime(bundle), LiteRtRuntime(file))
    )
    agreement = float((found == expected).mean())
    if agreement < FEWEST_AGREEING:
        raise BatchEmotionError(
            f"with integers throughout {bundle.card.name} predicts the same class for only {agreement:.1%} of "
            f"{len(compared)} faces; take other faces to calibrate with, or `format` tflite"
        )
    return Exported(options.out, agreement, len(compared))


def _faces(bundle: Bundle, folder: Path) -> NDArray[np.uint8]:
    """Some of the faces in a folder as the network takes them, uint8 (N, H, W, C)."""
    rows = make_plan([str(folder)])
    drawn = np.random.default_rng(0).permutation(len(rows))[: CALIBRATION_IMAGES + COMPARED_IMAGES]
    few = part_of(rows, np.sort(drawn))
    good = [
        batch.pixels[pc.equal(batch.facts["status"], Status.OK.value).to_numpy(zero_copy_only=False)]
        for batch in stream(few, bundle.card.input, Limits(), batch_size=256)
    ]
    return np.concatenate(good)


def _write_h5(bundle: Bundle, file: Path) -> None:
    model: Any = bundle.keras_model()
    if is_mirrored(model):  # by operations that are no layers, which Keras cannot read back from HDF5
        raise UsageError(
            f"an h5 file cannot hold {bundle.card.name}, which sees mirror images too; choose another `format`"
        )
    partial = file.with_suffix(".h5")
    model.save(partial)
    partial.replace(file)
