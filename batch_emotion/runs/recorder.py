"""How a run went, recorded in one place: ``run.json``, the metrics file, the log, and what is wrong with the result."""

from __future__ import annotations

import logging
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

from batch_emotion.errors import BatchEmotionError, ExitCode, Interrupted, OutputBusy, UsageError, spelled
from batch_emotion.options.runs import Caller, MonitoringOptions
from batch_emotion.results.drift import Mix, drift, read_mix
from batch_emotion.results.run_document import LastRun, ResultRecord, run_file, write_run
from batch_emotion.results.summary import Summary
from batch_emotion.runs.checks import too_many_failures
from batch_emotion.runs.prometheus import write_metrics
from batch_emotion.runs.record import RunRecord
from batch_emotion.signals import accept_signals, last_words
from batch_emotion.storage.commits import write_advice
from batch_emotion.storage.escaping import escape_undecoded
from batch_emotion.storage.locks import hold_output
from batch_emotion.storage.places import Place

_LOG = logging.getLogger("batch_emotion")


class Recorder:
    """Records one run on one output, however it ends.

    Attributes:
        record: when, with what, and how it ended.
        seen: the counts of the rows so far, which are recorded where the run fails, and the profile of the run.
    """

    def __init__(self, out: Place, options: MonitoringOptions, caller: Caller | None = None) -> None:
        caller = caller or Caller()
        self._out, self._options = out, options
        self._baseline: Mix | None = None
        self._holds_output = False
        self._made: Summary | None = None
        self.record = RunRecord(
            escape_undecoded(options.job or out.stem), caller.arguments, caller.run_id or secrets.token_hex(8)
        )
        self.seen = Summary()

    def read_baseline(self) -> None:
        """Read what the result will be compared with; before the run, as it may be the output itself.

        Raises:
            UsageError: it is no earlier result.
        """
        if self._options.baseline is not None:
            self._baseline = read_mix(self._options.baseline)

    @contextmanager
    def holding_output(self, wait_s: float = 0.0) -> Iterator[None]:
        """Hold the output's lock for the block, see ``hold_output``."""
        with hold_output(self._out, wait_s):
            self._holds_output = True
            try:
                yield
            finally:
                self._holds_output = False

    def result_made(self, summary: Summary, result: ResultRecord | None) -> None:
        """Record a whole result before what is made from it, such as its page, without which the run has failed.

        Args:
            summary: the counts.
            result: the part ``result`` of ``run.json``; as it was where None.
        """
        self._made = summary
        self._measure_drift(summary)
        error = "the result is whole, but the run ended before its page or annotated copies were written"
        record = self.record.as_dict(ExitCode.FAILED, error)
        write_run(self._out, {**record, "outcome": "failed", **summary.as_dict()}, result)

    def finished(
        self, summary: Summary, outcome: str, result: ResultRecord | None, failure: str = ""
    ) -> tuple[ExitCode, tuple[str, ...]]:
        """Record a run that has a whole result; gives the exit code and what is wrong with the result.

        Args:
            summary: the counts.
            outcome: ``done`` or ``nothing to do``.
            result: the part ``result`` of ``run.json``; as it was where None.
            failure: why the run counts as failed, though its result is whole; empty where it does not.
        """
        self._measure_drift(summary)
        complaints = tuple(self._complaints(summary))
        exit_code = ExitCode.OVER_THRESHOLD if complaints else ExitCode.OK
        if failure:
            complaints, exit_code = (failure, *complaints), ExitCode.FAILED
        last_run: LastRun = {
            **self.record.as_dict(exit_code, spelled("; ".join(complaints)) or None),
            "outcome": outcome,
            **summary.as_dict(),
        }
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
    def recording_interruption(self) -> Iterator[None]:
        """Record that a signal stopped the run, if only while libraries loaded; not where another run has begun."""
        with last_words(lambda interrupted: self._failed(interrupted.exit_code, str(interrupted))):
            try:
                accept_signals()
                yield
            except (Interrupted, KeyboardInterrupt) as error:  # the latter in a Python program of the caller's
                stopped = error if isinstance(error, Interrupted) else Interrupted(signal.SIGINT)
                self._failed(stopped.exit_code, str(stopped))
                raise

    @contextmanager
    def recording_failures(self) -> Iterator[None]:
        """Record a run that ends in an exception, which goes on; a failed write becomes an error with advice."""
        try:
            yield
        except OutputBusy as error:
            if self._made is not None:  # else the record is the other run's
                self._failed(error.exit_code, str(error))
            raise
        except BatchEmotionError as error:
            if isinstance(error, UsageError) and not self._has_record():
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

    def _has_record(self) -> bool:
        try:
            return run_file(self._out).exists()
        except (
            OSError,
            ValueError,
            BatchEmotionError,
        ):  # of an output without a name, or on a store that lets nobody in
            return False

    def _failed(self, exit_code: ExitCode, error: str) -> None:
        """Record a failed run, unless another run holds the output by now."""
        try:
            with nullcontext() if self._holds_output else hold_output(self._out):
                self._write_failure(exit_code, error)
        except (OutputBusy, OSError):
            return

    def _write_failure(self, exit_code: ExitCode, error: str) -> None:
        record = self.record.as_dict(exit_code, error)
        counts = self.seen if self._made is None else self._made
        last_run: LastRun = {**record, "outcome": "failed", **counts.as_dict()}
        with suppress(OSError, BatchEmotionError):
            write_run(self._out, last_run)
        metrics_file = self._options.metrics_file
        if metrics_file is not None and metrics_file.suffix == ".prom":  # a signal may come before the options' check
            with suppress(OSError):
                write_metrics(metrics_file, self.record.job, last_run, has_result=self._made is not None)

    def _measure_drift(self, summary: Summary) -> None:
        if self._baseline is not None:
            summary.drift = drift(summary.mix, self._baseline)

    def _complaints(self, summary: Summary) -> Iterator[str]:
        complaint = too_many_failures(summary, self._options.max_failures)
        if complaint:
            yield complaint
        limit, moved = self._options.max_drift, summary.drift
        if limit is not None and moved is not None and moved.largest > limit:
            yield f"a drift of {moved.largest:.3f} from {self._options.baseline} is more than `max_drift` {limit:g}"
