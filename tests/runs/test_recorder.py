import errno
import json
from pathlib import Path
from typing import Any

import pytest

import batch_emotion.commands.report as reporting
import batch_emotion.runs.annotate as annotating
from batch_emotion import predict
from batch_emotion.errors import BatchEmotionError, ExitCode
from batch_emotion.options.images import AnnotateOptions
from batch_emotion.options.runs import MonitoringOptions


def _last_run(out: Path) -> dict[str, Any]:
    last_run: dict[str, Any] = json.loads(out.with_name(out.name + ".run.json").read_text())["last_run"]
    return last_run


@pytest.mark.parametrize("what", ["page", "annotated copies"])
def test_a_run_whose_page_or_copies_cannot_be_written_never_counts_as_done(
    what: str, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, metrics = tmp_path / "r.csv", tmp_path / "m.prom"
    asked: dict[str, Any] = {"out": out, "monitoring": MonitoringOptions(metrics_file=metrics)}
    if what == "page":
        asked["report"] = tmp_path / "p.html"
    else:
        asked |= {"faces": True, "annotate": AnnotateOptions(tmp_path / "copies")}
    meanwhile = {}

    def refuse(*_: object) -> None:
        meanwhile.update(_last_run(out))
        assert not metrics.exists()
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(*((reporting, "commit_text") if what == "page" else (annotating, "committing_folder")), refuse)
        with pytest.raises(BatchEmotionError, match=f"^the result is whole, but .* {what} could not be .*denied"):
            predict(faces / "happy", **asked)
    last_run = _last_run(out)
    assert (meanwhile["exit_code"], last_run["exit_code"], last_run["outcome"]) == (1, 1, "failed")
    assert f"{what} could not be written to {tmp_path}" in last_run["error"]
    assert sum(last_run["statuses"].values()) == 8
    told = metrics.read_text()
    assert 'last_run_exit_code{job="r"} 1.0' in told
    assert "last_success" not in told
    assert predict(faces / "happy", **asked).exit_code is ExitCode.OK
    assert (_last_run(out)["exit_code"], _last_run(out)["outcome"]) == (0, "nothing to do")
    assert "last_success" in metrics.read_text()
