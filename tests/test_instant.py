"""What a small run loads: neither TensorFlow nor anything else that it can do without."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from batch_emotion import PredictOptions, predict
from batch_emotion.options.runs import UpdateOptions
from tests.support.children import environment

HEAVY = ("tensorflow", "keras", "matplotlib", "sklearn", "scipy", "onnx", "tf2onnx", "h5py", "ray", "joblib")
"""Not pandas, which pyarrow loads by itself."""
COMMAND = f"""
import sys
from batch_emotion.cli import main
code = main(sys.argv[1:])
print(code, [name for name in {HEAVY} if name in sys.modules])
"""
CALL = f"""
import sys
from batch_emotion import PredictOptions, predict
print(len(predict(PredictOptions((sys.argv[1],))).table), [name for name in {HEAVY} if name in sys.modules])
"""


def _said(program: str, *words: object) -> str:
    run = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True, env=environment()
    )
    assert run.returncode == 0, run.stderr
    if program is CALL:
        assert run.stderr == ""
    return run.stdout.splitlines()[-1]


def test_a_small_run_and_its_update_do_without_tensorflow(faces: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "faces", tmp_path / "r.parquet"
    images = sorted(faces.rglob("*.png"))
    source.mkdir()
    for number, image in enumerate(images[:-3]):
        (source / f"{number}.png").write_bytes(image.read_bytes())
    assert _said(COMMAND, "predict", source, "--out", out) == "0 []"
    for image in images[-3:]:
        (source / f"new-{image.name}").write_bytes(image.read_bytes())
    assert _said(COMMAND, "predict", source, "--out", out, "--update", "--checksum", "--max-rescore", "1") == "0 []"
    run = json.loads((tmp_path / "r.parquet.run.json").read_text())["last_run"]
    assert run["update"]["new"] == 3
    whole = tmp_path / "whole.parquet"
    predict(PredictOptions((str(source),), whole, shard_size=1, update=UpdateOptions(checksum=True)))  # by tf.data
    assert pq.read_table(whole).equals(pq.read_table(out))


def test_a_call_from_python_does_without_tensorflow_and_says_nothing(faces: Path) -> None:
    assert _said(CALL, faces) == "48 []"


def test_a_small_run_with_faces_and_annotated_copies_does_without_tensorflow(faces: Path, tmp_path: Path) -> None:
    words = ("--faces", "--annotate", tmp_path / "copies")
    code, loaded = _said(COMMAND, "predict", faces, "--out", tmp_path / "r.parquet", *words).split(" ", 1)
    assert code == "0"
    assert not set(json.loads(loaded.replace("'", '"'))) - {"matplotlib", "onnx"}  # its font, and the detector's file
    assert (tmp_path / "copies").is_dir()


def test_evaluating_a_small_folder_does_without_tensorflow(faces: Path, tmp_path: Path) -> None:
    code, loaded = _said(COMMAND, "evaluate", faces, "--out", tmp_path / "e").split(" ", 1)
    assert code == "0"
    assert not set(json.loads(loaded.replace("'", '"'))) & {"tensorflow", "keras", "onnx", "tf2onnx"}


@pytest.mark.parametrize("words", [("--runtime", "tensorflow"), ("--shard-size", "1", "--batch-size", "1")])
def test_tensorflow_is_there_where_it_runs_the_network_or_many_images_are_read(
    words: tuple[str, ...], faces: Path, tmp_path: Path
) -> None:
    assert "'tensorflow'" in _said(COMMAND, "predict", faces, "--out", tmp_path / "r.csv", *words)
