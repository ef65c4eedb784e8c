"""``explain``: where in an image the model looks, as pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_emotion._version import DEFAULT_MODEL
from batch_emotion.errors import BatchEmotionError, OutputMismatch, SourceError, UsageError
from batch_emotion.images.detectors import check_detector
from batch_emotion.images.framing import warn_of_photos
from batch_emotion.images.loading import make_loader
from batch_emotion.labels.reading import LabelReader
from batch_emotion.model.bundle import Bundle, load_bundle
from batch_emotion.model.gradcam import GradCam
from batch_emotion.options.explain import ExplainOptions
from batch_emotion.options.images import FaceOptions, SourceOptions
from batch_emotion.packages import require_packages
from batch_emotion.records import Status
from batch_emotion.runs.asked import asked
from batch_emotion.runs.needs import check_asked
from batch_emotion.sources.given import given, paths_of
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.commits import check_folder, committing
from batch_emotion.storage.escaping import cut_name, escape_name, unescape_name
from batch_emotion.visualization.heat_map import as_rgb, explanation_chart, heat_over

_FOLDER_MOST = 1_000


@dataclass(frozen=True)
class Explanation:
    """The explanation of one image, or of one face in it.

    Attributes:
        path: as the source has it.
        status: ok, or why there is no picture.
        error: what is wrong with the image.
        emotion: the predicted class.
        confidence: its probability.
        target: the explained class.
        picture: the file.
    """

    path: str
    status: Status
    error: str | None = None
    emotion: str | None = None
    confidence: float | None = None
    target: str | None = None
    picture: Path | None = None


def explain(
    source: object,
    *,
    out: str | Path | None = None,
    model: str | Path = DEFAULT_MODEL,
    faces: bool | FaceOptions = False,
    target: str | None = None,
    overwrite: bool = False,
    **options: Any,
) -> list[Explanation]:
    """Write one picture for each image or face: the pixels, where the model looks, and all probabilities.

    The pictures of an image with several faces are numbered, the largest face being 0.

    Args:
        source: paths, a table with paths, or images in memory, as ``predict`` takes them; or ``ExplainOptions``, which
            hold all that the keywords can say.
        out: a folder for the pictures, or a ``.png`` for one image; needed.
        model: a bundled model's name, a bundle's folder, or a Keras file.
        faces: the images are photos: find the faces and explain each one.
        target: the class to explain; the predicted one where None.
        overwrite: replace existing pictures.
        options: any other option of ``batch-emotion explain --help``, with underscores.

    Raises:
        UsageError: the sources, the model, the class or the layer make no sense, or a picture is in the way.
        BatchEmotionError: none of the images can be read.

    Example:
        >>> from batch_emotion import explain
        >>> (explained,) = explain("faces/happy/happy-0001.png", out="happy.png")
        >>> explained.target, explained.picture.name
        ('happy', 'happy.png')
    """
    keywords = {"out": out, "model": model, "faces": faces, "target": target, "overwrite": overwrite}
    paths = None if isinstance(source, ExplainOptions) else paths_of(source)
    first = source if isinstance(source, ExplainOptions) else paths or ()
    asked_for = asked(ExplainOptions, "sources", first, options | keywords)
    if paths is None and not isinstance(source, ExplainOptions):
        asked_for = replace(asked_for, given=given(source))
    return _explained(asked_for)


def _explained(options: ExplainOptions) -> list[Explanation]:
    check_asked(options)
    require_packages("explain", "tensorflow", "keras")
    if options.faces is not None:
        check_detector(options.faces)
    if options.given is not None:
        plan = options.given.plan
    else:
        source = SourceOptions(
            encoding=options.encoding, delimiter=options.delimiter, image_column=options.image_column
        )
        plan = make_plan(options.sources, source)
    if not len(plan):
        raise SourceError(
            f"there is no image to explain in {', '.join(map(escape_name, options.sources)) or 'the list'}"
        )
    if len(plan) > _FOLDER_MOST:
        raise UsageError(f"{len(plan)} images are too many; explain takes up to {_FOLDER_MOST}")
    bundle = load_bundle(options.model, options.class_names, options.trust_pickle)
    if options.target is not None:
        options = replace(options, target=_class_of(options.target, bundle.card.class_names))
    paths = plan.images["path"].to_pylist()
    pictures = _names(paths, options.out)
    locations = plan.images["location"].to_pylist()
    read = frozenset(os.path.realpath(unescape_name(location)) for location in locations)
    for picture in pictures:
        _check_free(picture, options.overwrite, read)
    found = _explain_all(options, bundle, paths, locations, pictures, read)
    if options.faces is None:
        warn_of_photos([at for at, each in zip(locations, found, strict=True) if each.picture], options.limits)
    if not any(each.picture for each in found):
        raise BatchEmotionError(f"no image could be explained: {found[0].path} is {found[0].status}: {found[0].error}")
    return found


def _class_of(target: str, class_names: Sequence[str]) -> str:
    found = LabelReader(class_names).class_of(target)
    if found is None:
        raise UsageError(f"`target`: there is no class {target!r}; the model has {', '.join(class_names)}")
    return found


def _check_free(picture: Path, overwrite: bool, read: frozenset[str]) -> None:
    if not picture.exists():
        return
    if not overwrite:
        raise OutputMismatch(f"{picture} is there already; choose another `out` or give `overwrite`")
    if os.path.realpath(picture) in read:
        raise UsageError(f"{picture} is itself to be explained, and would be lost; choose another `out`")


def _names(paths: Sequence[str], out: Path) -> list[Path]:
    """A file for each image; numbered, for names in different folders may be the same."""
    if out.suffix.lower() == ".png":
        if len(paths) > 1:
            raise UsageError(f"{out} is one picture, but there are {len(paths)} images; give a folder")
        check_folder(out.absolute().parent)
        return [out]
    if out.suffix or (out.exists() and not out.is_dir()):
        raise UsageError(f"`out` must be a folder (no extension), or end in .png for one image, and {out} is neither")
    out.mkdir(parents=True, exist_ok=True)
    if len(paths) == 1:
        return [out / f"{_stem(paths[0])}.png"]
    return [out / f"{at:04d}-{_stem(path)}.png" for at, path in enumerate(paths, 1)]


def _stem(path: str) -> str:
    return cut_name(Path(unescape_name(path)).stem, 100)


def _explain_all(
    options: ExplainOptions,
    bundle: Bundle,
    paths: Sequence[str],
    locations: Sequence[str],
    pictures: Sequence[Path],
    read: frozenset[str],
) -> list[Explanation]:
    card = bundle.card
    cam = GradCam(bundle.keras_model(), options.layer)
    load = make_loader(card.input, options.limits, faces=options.faces)
    found = []
    for path, location, picture in zip(paths, locations, pictures, strict=True):
        images = load(location)
        for number, image in enumerate(images):
            file = picture if len(images) == 1 else picture.with_stem(f"{picture.stem}-face-{number}")
            _check_free(file, options.overwrite, read)
            if image.pixels is None:
                error = "no face was found" if image.status is Status.NO_FACE else image.error
                found.append(Explanation(path, image.status, error))
            else:
                found.append(_explain(path, image.pixels, file, options, card.class_names, cam))
    return found


def _explain(
    path: str, pixels: NDArray[np.uint8], picture: Path, options: ExplainOptions, names: Sequence[str], cam: GradCam
) -> Explanation:
    probabilities = np.asarray(cam.model(pixels[None].astype(np.float32), training=False))[0]
    predicted = int(probabilities.argmax())
    target = names.index(options.target) if options.target else predicted
    heat = cam.heat(pixels[None], np.array([target]))[0]
    chart = explanation_chart(
        as_rgb(pixels),
        heat_over(pixels, heat, side=384),
        dict(zip(names, probabilities.tolist(), strict=True)),
        names[target],
    )
    with committing(picture) as temporary:
        temporary.write_bytes(chart)
    return Explanation(path, Status.OK, None, names[predicted], float(probabilities[predicted]), names[target], picture)
