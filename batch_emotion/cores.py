"""How many cores this process may use: what the scheduler allows it, and what its control groups pay for."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def available_cores() -> int:
    """The cores this process may use: at least 1, a fraction of a core counting as a whole one."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min([usable, *_quotas(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))])))


def _quotas(membership: Path, mount: Path) -> Iterator[float]:
    """The cores that each control group above this process allows it, in version 1 and 2 of their interface."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            for group in _ancestry(mount, path):
                yield from _quota(group / "cpu.max")
        elif "cpu" in controllers.split(","):
            for group in _ancestry(mount / controllers, path):
                yield from _quota(group / "cpu.cfs_quota_us", group / "cpu.cfs_period_us")


def _ancestry(mount: Path, path: str) -> Iterator[Path]:
    """The group and all above it; in a container only some of them, or none but the mount itself, are to be seen."""
    group = mount / path.lstrip("/")
    yield group
    if group != mount:
        yield from (parent for parent in group.parents if parent.is_relative_to(mount))


def _quota(*files: Path) -> Iterator[float]:
    """Cores by "quota period" in microseconds; nothing where there is no limit, which reads ``max`` or -1."""
    with suppress(OSError, ValueError):
        quota, period = (int(word) for word in " ".join(file.read_text(encoding="ascii") for file in files).split())
        if quota > 0 and period > 0:
            yield quota / period
