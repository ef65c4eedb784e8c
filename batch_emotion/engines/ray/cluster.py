"""A connection to Ray: to a cluster, or to one that is started on this machine for the run and ends with it."""

from __future__ import annotations

import logging
import math
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from batch_emotion.cores import available_cores
from batch_emotion.errors import BatchEmotionError, UsageError, one_line
from batch_emotion.options.runs import EngineOptions

_STORE_BYTES = 100 * 10**6
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_LOG = logging.getLogger("batch_emotion")


@contextmanager
def connected(options: EngineOptions) -> Iterator[int]:
    """Be connected to Ray for the block; gives the number of workers to have.

    A connection that the caller's program has already is used, and left as it is.

    Raises:
        BatchEmotionError: Ray cannot be reached or started.
        UsageError: this machine has not the GPUs that were asked for.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    address = options.ray_address or os.environ.get("RAY_ADDRESS")
    if address is None and "ray" not in sys.modules:
        _keep_to_this_machine()
    import ray

    if ray.is_initialized():
        yield _workers_of_cluster(options)
        return
    handlers = {signum: signal.getsignal(signum) for signum in _SIGNALS}
    folder = None
    try:
        if address is None:
            workers = options.num_workers or max(1, available_cores() // options.cpus_per_worker)
            folder = tempfile.mkdtemp(
                prefix="ray-", dir=None if os.name == "nt" else "/tmp"
            )  # sockets' paths are short
            _start(workers * options.cpus_per_worker + 1, folder)
            workers = _with_gpus(workers, options)
        else:
            _init(address=address)
            workers = _workers_of_cluster(options)
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
        yield workers
    finally:
        ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _keep_to_this_machine() -> None:
    """Have a Ray of this machine listen to loopback alone, to nobody without a secret, and work at full priority.

    It looks at this when it is imported.
    """
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # also goes for Linux, in spite of its name
    os.environ.setdefault("RAY_worker_niceness", "0")  # else workers yield to everything, the driver's own polling too
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else one is written into the home folder


def _start(cpus: int, folder: str) -> None:
    """Start Ray on this machine, with one CPU more than its workers take; where they take all Ray Data never ends."""
    _init(address="local", num_cpus=cpus, object_store_memory=_STORE_BYTES, include_dashboard=False, _temp_dir=folder)


def _init(address: str, **settings: object) -> None:
    import ray

    try:
        ray.init(address=address, logging_level=logging.CRITICAL, log_to_driver=False, **settings)
    except Exception as error:
        where = "Ray could not be started" if address == "local" else f"no Ray cluster answers at {address}"
        raise BatchEmotionError(f"{where}: {one_line(error)[:400]}") from error


def _with_gpus(workers: int, options: EngineOptions) -> int:
    """The workers that this machine has GPUs for; all where they want none."""
    if not options.gpus_per_worker:
        return workers
    import ray

    gpus = ray.cluster_resources().get("GPU", 0)
    fitting = math.floor(gpus / options.gpus_per_worker)
    if fitting < (options.num_workers or 1):
        raise UsageError(
            f"`gpus_per_worker` {options.gpus_per_worker:g}: this machine has {gpus:g} GPUs, "
            f"not enough for {options.num_workers or 1} workers"
        )
    return int(min(workers, fitting))


def _workers_of_cluster(options: EngineOptions) -> int:
    """As many workers as asked for, else as there is room for; one CPU is left over, see ``_start``."""
    import ray

    has = ray.cluster_resources()
    room = [(has.get("CPU", 0) - 1) / options.cpus_per_worker]
    if options.gpus_per_worker:
        room.append(has.get("GPU", 0) / options.gpus_per_worker)
    fitting = math.floor(min(room))
    if fitting < (options.num_workers or 1):
        _LOG.warning(
            f"the cluster has room for {max(fitting, 0)} of {options.num_workers or 1} workers now; "
            "the others begin when it grows"
        )
    return options.num_workers or max(1, fitting)
