"""Which engine scores the shards, and how many workers it has."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from batch_emotion.errors import UsageError

EngineName = Literal["local", "ray"]


@dataclass(frozen=True)
class EngineOptions:
    """Who scores the shards; whoever it is the rows are the same, and one carries on what another began.

    Attributes:
        name: ``local`` is this process, ``ray`` is the workers of Ray Data.
        num_workers: how many; as many as there are cores for where None.
        cpus_per_worker: cores of each, to decode and to run the network on.
        gpus_per_worker: GPUs of each; may be a part of one.
        ray_address: of a cluster; where None ``RAY_ADDRESS`` says, else Ray is started on this machine for the run.
    """

    name: EngineName = "local"
    num_workers: int | None = None
    cpus_per_worker: int = 1
    gpus_per_worker: float = 0.0
    ray_address: str | None = None

    def check(self, threads: int | None, has_out: bool) -> None:
        """Refuse options that make no sense.

        Args:
            threads: what was asked for.
            has_out: whether there is an output.

        Raises:
            UsageError: naming the option.
        """
        if self.name == "local":
            if self != EngineOptions():
                raise UsageError(
                    "--num-workers, --cpus-per-worker, --gpus-per-worker and --ray-address go with --engine ray; "
                    "give that too"
                )
            return
        if not has_out:
            raise UsageError("--engine ray needs --out: its workers commit what they scored beside it")
        if threads is not None:
            raise UsageError("--threads is for --engine local; with ray, --cpus-per-worker says how many each uses")
        for option, number, least in (
            ("num-workers", self.num_workers, 1),
            ("cpus-per-worker", self.cpus_per_worker, 1),
            ("gpus-per-worker", self.gpus_per_worker, 0),
        ):
            if number is not None and number < least:
                raise UsageError(f"--{option} must be at least {least}, not {number:g}")
        if find_spec("ray") is None:
            raise UsageError('--engine ray needs Ray, which is not installed; pip install "batch-emotion[ray]"')
