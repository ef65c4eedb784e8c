"""Options on runs: updates, tasks, engines, what is recorded, and what is printed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from batch_emotion.options.checked import Checked
from batch_emotion.options.declared import option

if TYPE_CHECKING:
    from batch_emotion.storage.places import Place

EngineName = Literal["local", "ray"]
LogFormat = Literal["text", "json"]


@dataclass(frozen=True)
class UpdateOptions(Checked):
    """How an existing result is brought up to date.

    Attributes:
        prune: drop the rows of images that vanished; else they are kept, last.
        max_prune: the largest part of the images that may be dropped.
        retry_failures: score again what could not be scored.
        checksum: tell by its content, not by size and time, whether a file was changed.
        max_rescore: the largest part of the images that may be scored anew because the model or an option changed.
    """

    prune: bool = option(False, "Drop images that vanished; else their rows are kept, last.")
    max_prune: float = option(
        0.2, "Refuse to drop more than this part of the images.", at_least=0, at_most=1, needs="prune"
    )
    retry_failures: bool = option(False, "Score images that failed again.")
    checksum: bool = option(False, "Tell by content, not by size and time, what changed.")
    max_rescore: float = option(
        0.5,
        "Refuse to rescore more than this part of the images because the model or an option changed.",
        at_least=0,
        at_most=1,
    )


@dataclass(frozen=True)
class Task(Checked):
    """One of ``count`` runs that share a plan without talking to each other; ``index`` counts from 0."""

    index: int = option(
        help="Score this part of the plan, from 0, into an --out of its own; see merge.",
        flag="task-index",
        at_least=0,
        effect="cut",
        needs="task-count",
    )
    count: int = option(
        help="How many parts the plan is split into.", flag="task-count", at_least=1, effect="cut", needs="task-index"
    )


@dataclass(frozen=True)
class EngineOptions(Checked):
    """What scores the shards; the rows are the same, and one engine carries on what another began.

    Attributes:
        name: ``local`` is this process, ``ray`` is the workers of Ray Data.
        num_workers: as many as there are cores for where None.
        cpus_per_worker: cores of each, to decode and to run the network on.
        gpus_per_worker: GPUs of each; may be a part of one.
        ray_address: of a cluster; where None ``RAY_ADDRESS`` says, else Ray is started on this machine for the run.
    """

    name: EngineName = option("local", "What scores the shards; ray: workers of Ray Data.", flag="engine")
    num_workers: int | None = option(
        None, "Ray workers; default: as many as there are cores for.", at_least=1, needs="ray"
    )
    cpus_per_worker: int = option(1, "Cores of each worker.", at_least=1, needs="ray")
    gpus_per_worker: float = option(0.0, "GPUs of each worker, or a part of one.", at_least=0, needs="ray")
    ray_address: str | None = option(
        None, "A Ray cluster; default: RAY_ADDRESS, else Ray is started here for the run.", needs="ray"
    )


@dataclass(frozen=True)
class MonitoringOptions(Checked):
    """What is recorded of a run, and what its result is held against.

    Attributes:
        job: the name of the job; the output's where None.
        metrics_file: where metrics go for the node exporter; ends in ``.prom``.
        baseline: an earlier result, or its ``run.json``, to measure the drift from.
        max_drift: more drift than this ends in exit code 3.
        max_failures: more failures than this end in exit code 3; None allows any number.
    """

    job: str | None = option(None, "The job's name in metrics and run.json; default: the output's.", needs="out")
    metrics_file: Path | None = option(
        None, "Write metrics for the Prometheus node exporter: a .prom file.", needs="out"
    )
    baseline: Place | None = option(
        None, "An earlier result, or its run.json, to measure drift from.", written="place", needs="out"
    )
    max_drift: float | None = option(
        None, "Exit with 3 if there is more drift than this, from 0 to 1.", at_least=0, needs="baseline"
    )
    max_failures: int | None = option(None, "Exit with 3 if more images than this fail.", at_least=0)


@dataclass(frozen=True)
class Caller(Checked):
    """Who began a run, for its record; nothing that is asked for.

    Attributes:
        arguments: the command line, empty for a call from Python.
        run_id: what the log calls this run; a new name where None.
        given: the keys of the options that were asked for; where None, of those that are not at their default.
    """

    arguments: tuple[str, ...] = ()
    run_id: str | None = None
    given: frozenset[str] | None = None


@dataclass(frozen=True)
class MessageOptions(Checked):
    """What a process prints and logs; not a matter of the result.

    Attributes:
        dry_run: show what would be done and write nothing.
        log_format: of the lines on stderr and in the log.
        log_file: takes every line too.
        quiet: print nothing unless something is wrong.
    """

    dry_run: bool = option(False, "Show what would be done and write nothing.", heading="Messages")
    log_format: LogFormat = option("text", "Format of the lines on stderr and in the log.")
    log_file: Path | None = option(None, "Keep a log here: up to 10 MiB, and the five before it as .1 to .5.")
    quiet: bool = option(False, "Print nothing unless something is wrong.", short="-q")
