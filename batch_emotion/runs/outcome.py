"""How a run went, told in one place: ``run.json``, the metrics file, the log, and what is wrong with the result."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from batch_emotion.errors import BatchEmotionError, ExitCode, Interrupted, OutputBusy, UsageError
from batch_emotion.results.drift import Mix, drift, read_mix
from batch_emotion.results.run_document import LastRun, ResultRecord, run_file, write_run
from batch_emotion.results.summary import Summary
from batch_emotion.runs.prometheus import write_metrics
from batch_emotion.runs.record import RunRecord
from batch_emotion.storage.commits import store_advice, write_advice
from batch_emotion.storage.places import Place, RemotePath

_LOG = logging.getLogger("batch_emotion")


@dataclass(frozen=True)
class ReportingOptions:
    """What is told of a run, and what is held against it.

    Attributes:
        job: the name of the job; the output's where None.
        metrics_file: where metrics go for the node exporter; ends in ``.prom``.
        baseline: an earlier result, or its ``run.json``, to measure the drift from.
        max_drift: more drift than this ends in exit code 3.
        arguments: the command line, for the record.
        run_id: what the log calls this run; a new name where None.
    """

    job: str | None = None
    metrics_file: Path | None = None
    baseline: Place | None = None
    max_drift: float | None = None
    arguments: tuple[str, ...] = ()
    run_id: str | None = None

    def check(self) -> None:
        """Refuse options that make no sense.

        Raises:
            UsageError: naming the option.
        """
        if self.max_drift is not None and self.baseline is None:
            raise UsageError("--max-drift needs a --baseline to measure from")
        if self.baseline is not None and not _is_there(self.baseline):
            raise UsageError(f"--baseline: there is no {self.baseline}")
        if self.metrics_file is not None:
            if self.metrics_file.suffix != ".prom":
                raise UsageError(f"--metrics-file must end in .prom, or it is not collected: {self.metrics_file}")
            if not self.metrics_file.absolute().parent.is_dir():
                raise UsageError(f"--metrics-file: the folder of {self.metrics_file} does not exist; make it first")


class Reporter:
    """Tells of one run on one output.

    Attributes:
        record: when, with what, and how it ended.
        seen: the counts of the rows so far, which are told where the run fails, and the profile of the run.
    """

    def __init__(self, out: Place, options: ReportingOptions, max_failures: int | None = None) -> None:
        self._out, self._options, self._max_failures = out, options, max_failures
        self.record = RunRecord(options.job or out.stem, options.arguments, options.run_id or secrets.token_hex(8))
        self.seen = Summary()

    @cached_property
    def baseline(self) -> Mix | None:
        """What the result is compared with; read before the run, as it may be the output itself."""
        return read_mix(self._options.baseline) if self._options.baseline else None

    def finished(self, summary: Summary, outcome: str, result: ResultRecord | None) -> tuple[ExitCode, tuple[str, ...]]:
        """Tell of a run that has a whole result; gives the exit code and what is wrong with the result.

        Args:
            summary: the counts.
            outcome: ``done`` or ``nothing to do``.
            result: the part ``result`` of ``run.json``; as it was where None.
        """
        if self.baseline is not None:
            summary.drift = drift(summary.mix, self.baseline)
        complaints = tuple(self._complaints(summary))
        exit_code = ExitCode.OVER_THRESHOLD if complaints else ExitCode.OK
        last_run: LastRun = {**self.record.as_dict(exit_code), "outcome": outcome, **summary.as_dict()}
        write_run(self._out, last_run, result)
        if self._options.metrics_file is not None:
            try:
                write_metrics(self._options.metrics_file, self.record.job, last_run, has_result=True)
            except OSError as error:
                raise BatchEmotionError(
                    f"{self._out} is whole, but its metrics could not be written to "
                    f"{self._options.metrics_file}: {error.strerror}; run the same command again"
                ) from error
        _LOG.info(outcome, extra={"fields": {**summary.as_dict(), "exit_code": exit_code, "out": str(self._out)}})
        return exit_code, complaints

    @contextmanager
    def telling_failures(self) -> Iterator[None]:
        """Tell of a run that ends in an exception, which goes on; a failed write becomes an error with advice."""
        try:
            yield
        except OutputBusy:
            raise  # the other run tells
        except (Interrupted, BatchEmotionError) as error:
            if isinstance(error, UsageError) and not self._has_told():
                raise  # it leaves nothing
            self._failed(error.exit_code, str(error))
            raise
        except OSError as error:
            failure = BatchEmotionError(write_advice(error, self._out.absolute().parent))
            self._failed(failure.exit_code, str(failure))
            raise failure from error
        except Exception as error:
            self._failed(ExitCode.FAILED, f"{type(error).__name__}: {error}")
            raise

    def _has_told(self) -> bool:
        try:
            return run_file(self._out).exists()
        except OSError:
            return False

    def _failed(self, exit_code: ExitCode, error: str) -> None:
        record = self.record.as_dict(exit_code, error)
        last_run: LastRun = {**record, "outcome": "failed", **self.seen.as_dict()}
        with suppress(OSError):
            write_run(self._out, last_run)
        if self._options.metrics_file is not None:
            with suppress(OSError):
                write_metrics(self._options.metrics_file, self.record.job, last_run, has_result=False)

    def _complaints(self, summary: Summary) -> Iterator[str]:
        failures, allowed = summary.failures, self._max_failures
        if allowed is not None and failures > allowed:
            yield f"{failures} failures are more than --max-failures {allowed}"
        limit, moved = self._options.max_drift, summary.drift
        if limit is not None and moved is not None and moved.largest > limit:
            yield f"a drift of {moved.largest:.3f} from {self._options.baseline} is more than --max-drift {limit:g}"


def _is_there(baseline: Place) -> bool:
    try:
        return baseline.exists()
    except OSError as error:
        if isinstance(baseline, RemotePath):
            raise UsageError(f"--baseline: {store_advice(error, baseline)}") from None
        raise
