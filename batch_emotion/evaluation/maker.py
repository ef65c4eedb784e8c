"""The bundle that made a result: the one given, else the bundled model that the result names."""

from __future__ import annotations

from pathlib import Path

from batch_emotion.errors import BundleError, UsageError, spelled
from batch_emotion.model.bundle import Bundle, load_bundle
from batch_emotion.model.catalogue import version_of
from batch_emotion.model.network_file import card_inside, kind_of
from batch_emotion.options.models import NetworkOptions
from batch_emotion.results.reader import StoredResult


def load_maker(
    result: StoredResult,
    model: str | Path | None,
    *,
    class_names: tuple[str, ...] | None = None,
    trust_pickle: bool = False,
    network: NetworkOptions | None = None,
) -> tuple[Bundle | None, str]:
    """The bundle that made a result, or None and why there is none at hand.

    Args:
        result: the result.
        model: what made it; where None the bundled model that the result names.
        class_names: the classes of a network's file that does not name them; the result's where None.
        trust_pickle: take a pickled network too.
        network: what else the file of a network does not say.

    Raises:
        UsageError: another model made it than the one given.
        BundleError: there is no such model, or it is damaged.
    """
    maker = result.maker
    if model is None:
        version = version_of(maker.sha256)
        if maker.sha256 is None:
            return None, spelled("it is not known which model made the result; name it with `model`")
        if version is None:
            return None, spelled("the model that made the result is not a bundled one; name it with `model`")
        try:
            return load_bundle(str(version)), ""
        except BundleError as error:
            return None, str(error)
    kind = kind_of(Path(model))
    if class_names is None and kind is not None and card_inside(Path(model), kind) is None:
        class_names = result.class_names
    bundle = load_bundle(model, class_names, trust_pickle, network)
    if tuple(name for name in bundle.card.class_names if name in result.class_names) != result.class_names:
        raise UsageError(
            f"{bundle.card.name} has the classes {', '.join(bundle.card.class_names)}, "
            f"but {result.path} has {', '.join(result.class_names)}; give the model that made it"
        )
    if maker.sha256 not in (None, bundle.sha256):
        raise UsageError(f"{result.path} was made by another model than {bundle.card.name}; give the one that made it")
    return bundle, ""
