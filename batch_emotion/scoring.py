"""The scoring kernel, a slice of the plan to rows: the one place where images, model and results meet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch_emotion.cores import available_cores
from batch_emotion.errors import BundleError
from batch_emotion.images.feeding import Feeder
from batch_emotion.images.framing import PhotoWatch
from batch_emotion.images.isolation import IsolatedLoader
from batch_emotion.images.loading import make_loader
from batch_emotion.images.pipeline import is_far, stream
from batch_emotion.model.bundle import Bundle, load_bundle
from batch_emotion.model.kept_classes import keep_classes
from batch_emotion.model.runtime import ResolvedRuntime, Runtime, open_runtime
from batch_emotion.options.images import FaceOptions, Limits
from batch_emotion.options.models import NetworkOptions, Precision, RuntimeName
from batch_emotion.plan import Plan
from batch_emotion.records import ImageBatch, InputSpec, Profile, pixel_digests
from batch_emotion.results.schema import assemble

_IN_FLIGHT = 3
_PHOTOS = 4


@dataclass(frozen=True)
class ScorerSpec:
    """How to make a scorer, here or in another process; it can be pickled, which a scorer cannot.

    Attributes:
        model: a bundled model's name, a bundle's folder, or the file of a network.
        sha256: what the model must be, whatever lies at that place.
        class_names: the classes of a network's file that does not name them.
        trust_pickle: load a pickled model.
        runtime: what runs the network.
        precision: it computes in.
        threads: how many cores to use.
        limits, min_confidence, batch_size, full_decode, faces, kept: as in ``Scorer``.
        network: what else the file of a network does not say.
    """

    model: str | Path
    sha256: str
    class_names: tuple[str, ...] | None
    trust_pickle: bool
    runtime: RuntimeName | ResolvedRuntime
    precision: Precision
    threads: int
    limits: Limits
    min_confidence: float
    batch_size: int
    full_decode: bool
    faces: FaceOptions | None
    kept: tuple[str, ...] | None = None
    network: NetworkOptions = field(default_factory=NetworkOptions)

    def open(self, profile: Profile, bundle: Bundle | None = None) -> Scorer:
        """Load the libraries and the model.

        Args:
            profile: to which the seconds of each stage are added.
            bundle: the model, where it is at hand already.

        Raises:
            BundleError: there is no such model, or it is another one.
        """
        with profile.timing("start"):
            bundle = bundle or load_bundle(self.model, self.class_names, self.trust_pickle, self.network)
            if bundle.sha256 != self.sha256:
                raise BundleError(
                    f"the model {self.model} has the sha256 {bundle.sha256[:12]}… here, and {self.sha256[:12]}… where "
                    "the run began; put the same model everywhere"
                )
            runtime = open_runtime(bundle, self.runtime, self.threads, self.precision)
        return Scorer(
            runtime,
            bundle.card.class_names,
            bundle.card.input,
            self.limits,
            self.min_confidence,
            self.batch_size,
            self.full_decode,
            self.threads,
            profile,
            faces=self.faces,
            kept=self.kept,
            look=partial(PhotoWatch, limits=self.limits) if self.faces is None else None,
        )


@dataclass(frozen=True)
class Scorer:
    """A loaded model with all that decides the rows; every engine calls its ``score``.

    Attributes:
        runtime: what runs the network.
        class_names: the network's outputs.
        spec: what the network wants to be shown.
        limits: what is refused.
        min_confidence: below it the emotion is ``uncertain``.
        batch_size: images shown to the network at a time.
        with_digests: add the column ``pixel_digest``, by which an image is found again among others.
        full_decode: decode every pixel of large JPEGs.
        threads: batches decoded at a time.
        profile: to which the seconds of each stage are added.
        faces: which faces to find in each image; None takes every image whole.
        kept: the classes to choose among, in the network's order; all of them where None.
        look: of a plan, what is shown its batches once they are decoded; None where nobody looks.
        feeder: what drives the loader; chosen by the number of images where None.
    """

    runtime: Runtime
    class_names: tuple[str, ...]
    spec: InputSpec
    limits: Limits
    min_confidence: float = 0.0
    batch_size: int = 256
    full_decode: bool = False
    threads: int = field(default_factory=available_cores)
    profile: Profile = field(default_factory=Profile)
    with_digests: bool = False
    faces: FaceOptions | None = None
    kept: tuple[str, ...] | None = None
    look: Callable[[Plan], Callable[[ImageBatch], None]] | None = None
    feeder: Feeder | None = None

    def score(
        self,
        plan: Plan,
        isolated: bool = False,
        shard_size: int | None = None,
        on_start: Callable[[int], None] = lambda row: None,
    ) -> Iterator[pa.RecordBatch]:
        """Score every image of a plan slice, in its order: batches of rows in the columns of ``part_schema``.

        Decoding runs ahead of the network, and both of whoever takes the rows, by a few batches.

        Args:
            plan: the slice.
            isolated: decode in a child process, slower, for images that may kill the process.
            shard_size: no batch of rows reaches over a multiple of so many images of the slice.
            on_start: called with the first row in the slice of each batch before it is read, in another thread.
        """
        pool = ThreadPoolExecutor(_IN_FLIGHT, "score")
        waiting: deque[tuple[ImageBatch, Future[NDArray[np.float32]]]] = deque()
        first, busy_s = 0, self.runtime.busy_s
        class_names = self.kept or self.class_names

        def finish() -> pa.RecordBatch:
            nonlocal first, busy_s
            batch, answer = waiting.popleft()
            images = int(batch.image_rows[-1]) + 1
            rows = plan.slice(first, images)
            first += images
            if images < len(batch.image_index):
                rows = rows.repeat(batch.image_rows)
            scored = assemble(rows, batch, answer.result(), class_names, self.min_confidence)
            if self.with_digests:
                scored = scored.append_column("pixel_digest", pa.array(pixel_digests(batch.pixels), pa.string()))
            self.profile.read += batch.read_s
            self.profile.decode += batch.decode_s
            self.profile.detect += batch.detect_s
            self.profile.infer += self.runtime.busy_s - busy_s
            busy_s = self.runtime.busy_s
            return scored

        make = partial(make_loader, self.spec, self.limits, self.full_decode, self.faces)
        try:
            with IsolatedLoader(make) if isolated else nullcontext(make()) as loader:
                batches = stream(
                    plan,
                    self.spec,
                    self.limits,
                    self.batch_size if self.faces is None else min(self.batch_size, _PHOTOS),
                    loader,
                    workers=1 if isolated else self.threads + is_far(plan),  # one waits while the others decode
                    with_faces=self.faces is not None,
                    shard_size=shard_size,
                    on_start=on_start,
                    feeder=self.feeder,
                )
                look = None if self.look is None else self.look(plan)
                with closing(batches):
                    for batch in batches:
                        if look is not None:
                            look(batch)
                        waiting.append((batch, pool.submit(self._predict, batch.pixels)))
                        while len(waiting) > _IN_FLIGHT or (waiting and waiting[0][1].done()):
                            yield finish()
                while waiting:
                    yield finish()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _predict(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities of the kept classes for any number of images, however many faces a batch holds."""
        steps = range(0, len(pixels), self.batch_size)
        whole = np.concatenate([self.runtime.predict_proba(pixels[at : at + self.batch_size]) for at in steps])
        return keep_classes(whole, self.class_names, self.kept or self.class_names)
