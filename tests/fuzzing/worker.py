"""A process that tries mutants one by one: ``python -m tests.fuzzing.worker FOLDER FIRST LAST STEP``.

It prints a line of JSON for each. What ends the process, or fails, or takes too long, stays in the folder.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import time
from pathlib import Path

from tests.fuzzing import trial
from tests.fuzzing.mutants import mutant

_WALL_SECONDS = 120
_MOST_BYTES = 8 * 2**30
"""Of address space: so much that only a file that would bring the machine down is stopped by it."""


def try_all(folder: Path, numbers: range) -> None:
    """Try the mutants of these numbers."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in numbers:
        name, data = mutant(number)
        path = folder / f"{number}.image"
        path.write_bytes(data)
        signal.setitimer(signal.ITIMER_PROF, trial.CPU_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, _WALL_SECONDS)
        began = time.process_time()
        status, fault = None, None
        try:
            status = trial.try_image(str(path)).value
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        seconds = time.process_time() - began
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if fault is None:
            path.unlink()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        print(json.dumps([number, name, len(data), status, fault, seconds, peak]), flush=True)


if __name__ == "__main__":
    try_all(Path(sys.argv[1]), range(*map(int, sys.argv[2:5])))
