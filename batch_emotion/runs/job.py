"""The options of ``predict`` become a job, once: the images, the model, how they are scored, and what identifies it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import pyarrow as pa

from batch_emotion.columns import text_columns
from batch_emotion.cores import available_cores
from batch_emotion.images.decode import DECODER
from batch_emotion.images.detectors import Detector, open_detector
from batch_emotion.labels.class_names import kept_classes, stated_prior
from batch_emotion.model.bundle import Bundle, load_bundle
from batch_emotion.model.catalogue import models_folder
from batch_emotion.model.runtime import ResolvedRuntime, resolve_runtime
from batch_emotion.options.predict import PredictOptions
from batch_emotion.plan import Plan, task_rows
from batch_emotion.records import CHECKSUM, Profile
from batch_emotion.results.added_columns import AddedColumns
from batch_emotion.results.class_prior import ClassPrior
from batch_emotion.results.fingerprint import Fingerprint, deciding_options
from batch_emotion.results.schema import check_attributes, result_schema
from batch_emotion.results.writer import output_kind
from batch_emotion.runs.annotate import check_images_spared
from batch_emotion.scoring import ScorerSpec
from batch_emotion.sources.checksum import with_checksums
from batch_emotion.sources.plan_table import part_of
from batch_emotion.sources.planning import make_plan
from batch_emotion.storage.spool import folder_beside


@dataclass(frozen=True)
class Listing:
    """What would be scored: every image of the sources, and the model."""

    plan: Plan
    bundle: Bundle


@dataclass(frozen=True)
class Job:
    """All that decides a result.

    Attributes:
        plan: the images to score, of all those listed.
        bundle: the model.
        class_names: those of its classes that are asked for.
        class_prior: the mix of classes that the probabilities are to hold for.
        fingerprint: what is compared with other runs.
        scorer: how the images are scored.
        added: columns that are made when the result is written.
    """

    plan: Plan
    bundle: Bundle
    class_names: tuple[str, ...]
    class_prior: ClassPrior
    fingerprint: Fingerprint
    scorer: ScorerSpec
    added: AddedColumns

    @property
    def schema(self) -> pa.Schema:
        """The result's columns, those apart that are made when it is written."""
        checksum, faces = CHECKSUM in self.plan.images.column_names, self.scorer.faces is not None
        return result_schema(self.class_names, self.plan.attributes.schema, checksum, faces=faces)


def list_images(options: PredictOptions) -> Listing:
    """List what ``predict`` would score; reads no image and writes nothing.

    Raises:
        UsageError: the sources or the model make no sense.
    """
    given, folder = options.source.given, folder_beside(options.out)
    plan = given.plan if given is not None else make_plan(options.sources, options.source, folder)
    return Listing(plan, load_bundle(options.model, options.class_names, options.trust_pickle, options.network))


def make_job(options: PredictOptions, profile: Profile) -> Job:
    """Make of the options all that decides a result; nothing is written, and nothing is decided later.

    Args:
        options: checked by ``check_options``.
        profile: to which the seconds of listing are added.

    Raises:
        UsageError: the sources or the model make no sense.
    """
    with profile.timing("list"):
        listing = list_images(options)
        plan, bundle = listing.plan, listing.bundle
        if options.annotate is not None:
            check_images_spared(options.annotate.folder, plan)
        images, digest = len(plan), plan.digest
        if options.task is not None:
            rows = task_rows(images, options.task.index, options.task.count)
            plan = part_of(plan, rows, folder_beside(options.out))
        if options.update is not None and options.update.checksum:
            plan = with_checksums(plan, options.limits.max_bytes, folder_beside(options.out))
            digest = plan.digest
    flat = options.out is not None and output_kind(options.out) == "csv"
    if flat:
        plan = replace(plan, attributes=text_columns(plan.attributes))
    class_names = kept_classes(bundle.card.class_names, options.only)
    class_prior = ClassPrior.asked_for(
        stated_prior(options.class_prior, class_names), class_names, bundle.card.class_prior
    )
    added = AddedColumns(options.columns, bundle.card.name, bundle.sha256, class_prior.assumed)
    attributes = plan.attributes.schema
    check_attributes(attributes, class_names, flat, faces=options.faces is not None, added=added.names)
    detector = None if options.faces is None else open_detector(options.faces)
    runtime = _runtime(options, bundle)
    fingerprint = Fingerprint(
        plan=digest,
        images=images,
        model=bundle.sha256,
        model_name=bundle.card.name,
        runtime=runtime,
        decoder=DECODER,
        detector=detector.name if detector else None,
        detector_sha256=detector.sha256 if detector else None,
        model_version=bundle.version.number if bundle.version else None,
        options=_resolved(options, detector, bundle) | {"class_prior": class_prior.assumed},
    )
    scorer = _scorer(options, bundle, class_names, runtime)
    return Job(plan, bundle, class_names, class_prior, fingerprint, scorer, added)


def _resolved(options: PredictOptions, detector: Detector | None, bundle: Bundle) -> dict[str, object]:
    """The options that decide the rows, with what they leave to the model and the detector."""
    deciding = deciding_options(options)
    kept = kept_classes(bundle.card.class_names, options.only)
    deciding["only"] = None if kept == bundle.card.class_names else ",".join(kept)
    if detector is not None:
        best = {
            "min_face_score": detector.min_score,
            "min_face_size": detector.min_size,
            "face_margin": detector.margin,
        }
        deciding |= {key: value for key, value in best.items() if deciding[key] is None}
    return deciding


def _scorer(options: PredictOptions, bundle: Bundle, kept: tuple[str, ...], runtime: ResolvedRuntime) -> ScorerSpec:
    faces, model = options.faces, options.model
    if bundle.folder is None:
        model = os.path.abspath(model)
    elif bundle.folder.parent == models_folder():
        model = bundle.folder.name
    else:
        model = os.path.abspath(bundle.folder)
    if faces is not None and faces.detector_model is not None:
        faces = replace(faces, detector_model=faces.detector_model.absolute())
    threads = options.threads or available_cores()
    return ScorerSpec(
        model,
        bundle.sha256,
        options.class_names,
        options.trust_pickle,
        runtime,
        options.precision,
        threads if options.engine.name == "local" else options.engine.cpus_per_worker,
        options.limits,
        options.min_confidence,
        options.batch_size,
        options.full_decode,
        faces,
        kept,
        options.network,
    )


def _runtime(options: PredictOptions, bundle: Bundle) -> ResolvedRuntime:
    """What runs the network; ``auto`` goes by the GPUs of the workers, not of this machine, where there are workers."""
    name, engine = options.runtime, options.engine
    if name == "auto" and engine.name == "ray" and options.precision != "int8":
        both = bundle.onnx_file is not None and bundle.keras_file is not None
        name = "auto" if not both else "tensorflow" if engine.gpus_per_worker else "onnx"
    return resolve_runtime(bundle, name, options.precision)
