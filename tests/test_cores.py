import os
from pathlib import Path

import pytest

from batch_emotion import cores


def _group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")


def _found(tmp_path: Path, membership: str) -> list[float]:
    (tmp_path / "cgroup").write_text(membership)
    return list(cores._quotas(tmp_path / "cgroup", tmp_path / "fs"))


def test_version_2_takes_the_tightest_of_all_groups_above(tmp_path: Path) -> None:
    _group(tmp_path / "fs", cpu__max="max 100000")
    _group(tmp_path / "fs/pod", cpu__max="150000 100000")
    _group(tmp_path / "fs/pod/app", cpu__max="400000 100000")
    assert _found(tmp_path, "0::/pod/app\n") == [4.0, 1.5]
    assert _found(tmp_path, "0::/\n") == []


def test_version_1_is_read_beside_other_controllers(tmp_path: Path) -> None:
    _group(tmp_path / "fs/cpu,cpuacct", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    _group(tmp_path / "fs/cpu,cpuacct/job", cpu__cfs_quota_us="50000", cpu__cfs_period_us="100000")
    assert _found(tmp_path, "5:cpuset:/job\n4:cpu,cpuacct:/job\n0::/\n") == [0.5]


def test_a_path_seen_from_outside_the_container_falls_back_to_the_mount(tmp_path: Path) -> None:
    _group(tmp_path / "fs", cpu__max="200000 100000")
    assert _found(tmp_path, "0::/kubepods/deep/down\n") == [2.0]


@pytest.mark.parametrize("text", ["", "max", "many 100000", "100000 0"])
def test_what_cannot_be_read_limits_nothing(tmp_path: Path, text: str) -> None:
    _group(tmp_path / "fs", cpu__max=text)
    assert _found(tmp_path, "0::/\n") == []
    assert list(cores._quotas(tmp_path / "nowhere", tmp_path)) == []


def test_quotas_are_rounded_up_and_never_exceed_the_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    for quotas, expected in (([], 4), ([1.5], 2), ([0.2], 1), ([64.0], 4), ([3.0, 2.0], 2)):
        monkeypatch.setattr(cores, "_quotas", lambda *paths, quotas=quotas: iter(quotas))
        assert cores.available_cores() == expected
