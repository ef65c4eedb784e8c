"""Evaluations by group, over clusters, and under another mix of classes; what pandas makes of the same rows."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_emotion import (
    EvaluateOptions,
    PredictOptions,
    Progress,
    SourceOptions,
    evaluate,
    predict,
    record_evaluation,
    report,
)
from batch_emotion.cli import main
from batch_emotion.commands.evaluate import FILES
from batch_emotion.errors import UsageError
from batch_emotion.evaluation import grouping
from batch_emotion.evaluation.document import left_out_alarm
from batch_emotion.evaluation.rows import DOUBT
from batch_emotion.evaluation.table import evaluation_table
from batch_emotion.model.bundle import models_folder
from tests.support.browser import browser_path, opened_browser
from tests.support.made_results import random_table, write

CARELESS = "b; bob"


@pytest.fixture(scope="module")
def studied(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of the faces with their labels, who labelled them and who they show; one is damaged, one missing."""
    folder = tmp_path_factory.mktemp("studied")
    shutil.copytree(faces, folder / "faces")
    names = [str(path.relative_to(folder)) for path in sorted((folder / "faces").rglob("*.png"))]
    labels = [name.split("/")[1] for name in names]
    labellers = [("ann", CARELESS, "")[at % 3] for at in range(len(names))]
    # One labeller's labels are those of another class half of the time.
    labels = ["fear" if by == CARELESS and at % 2 else label for at, (label, by) in enumerate(zip(labels, labellers))]  # noqa: B905
    people = [at // 4 for at in range(len(names))]
    (folder / names[0]).write_bytes(b"\xff\xd8\xffbroken")
    frame = pd.DataFrame({"path": names, "label": labels, "labeller": labellers, "person": people})
    frame.loc[len(frame)] = ["faces/gone.png", "happy", "ann", 99]
    frame.to_csv(folder / "m.csv", index=False)
    predict(PredictOptions((str(folder / "m.csv"),), folder / "r.parquet"))
    predict(PredictOptions((str(folder / "faces"),), folder / "bare.parquet"))
    return folder


def _by_hand(folder: Path) -> pd.DataFrame:
    rows = pd.read_parquet(folder / "r.parquet")
    rows["right"] = (rows.emotion == rows.label).where(rows.status == "ok")
    return rows.replace({"labeller": {"": None}})


def test_group_figures_are_those_that_pandas_computes_by_hand(studied: Path, tmp_path: Path) -> None:
    for data in ("m.csv", "r.parquet"):
        options = EvaluateOptions(studied / data, tmp_path / data, group_by=("labeller", "person"), root=studied)
        evaluation = evaluate(options).evaluation
        assert sorted(path.name for path in (tmp_path / data).iterdir()) == sorted([*FILES, "groups.png"])
        rows = _by_hand(studied)
        by_labeller, by_person = evaluation["groups"]
        assert by_labeller["column"] == "labeller"
        assert {each["value"] for each in by_labeller["groups"]} == {"ann", CARELESS, None}
        for each in by_labeller["groups"]:
            mine = rows[rows.labeller.isna() if each["value"] is None else rows.labeller == each["value"]]
            assert each["images"] == len(mine)
            assert each["accuracy"] == pytest.approx(mine.right.dropna().astype(float).mean(), abs=1e-6)
            recall = mine.dropna(subset="right").groupby("label").right.apply(lambda right: right.astype(float).mean())
            assert each["balanced_accuracy"] == pytest.approx(recall.mean(), abs=1e-6)
            assert each["failures"] == pytest.approx((mine.status != "ok").mean(), abs=1e-6)
        gap = by_labeller["gaps"]["accuracy"]
        assert gap["lowest"] == CARELESS
        assert by_person["gaps"] == {}
        assert len(by_person["groups"]) == 13
    table = evaluation_table(evaluation)
    assert max(map(len, table.splitlines())) <= 80
    assert f"above {CARELESS}" in " ".join(table.split())
    page = (tmp_path / "r.parquet" / "evaluation.html").read_text()
    assert "<h2>By labeller</h2>" in page
    assert "Largest gap in accuracy" in page


def test_clusters_are_resampled_and_named(studied: Path, tmp_path: Path) -> None:
    plain = evaluate(EvaluateOptions(studied / "r.parquet", tmp_path / "a", root=studied)).evaluation
    options = EvaluateOptions(studied / "r.parquet", tmp_path / "b", root=studied, cluster="person")
    clustered = evaluate(options).evaluation
    assert clustered["all"]["accuracy"] == plain["all"]["accuracy"]
    assert clustered["all"]["intervals"] != plain["all"]["intervals"]
    assert clustered["method"]["cluster"] == "person"
    assert clustered["method"]["clusters"] == 12
    assert "resamples of the 12 clusters by person" in (tmp_path / "b" / "evaluation.html").read_text()


@pytest.mark.parametrize("values", [1, 3])
def test_few_clusters_are_remarked_on_and_a_single_one_gives_no_interval(values: int, tmp_path: Path) -> None:
    sites = pa.array([f"s{at % values}" for at in range(30)])
    result = write(random_table(30, columns={"site": sites}), tmp_path / "r.parquet")
    lines: list[str] = []
    made = evaluate(result, lines.append, out=tmp_path / "e", cluster="site", group_by="site")
    remark = (
        "there are no intervals, for all judged images have the same site"
        if values == 1
        else "the intervals say little, for they rest on 3 values of site alone"
    )
    assert remark in lines
    page = (tmp_path / "e" / "evaluation.html").read_text()
    assert remark[1:] in page.replace("\n", " ")
    assert (made.evaluation["all"]["intervals"]["accuracy"] is None) == (values == 1)
    assert ("In small print: the" in page) == (values > 1)
    scores = evaluation_table(made.evaluation).split("by site")[0]
    assert ("–" in scores) == (values > 1)


def test_columns_beside_the_labels_are_groups_too(studied: Path, tmp_path: Path) -> None:
    labels = str(studied / "m.csv")
    options = EvaluateOptions(
        studied / "bare.parquet", tmp_path / "e", labels=labels, group_by=("labeller",), cluster="person"
    )
    evaluation = evaluate(options).evaluation
    values = {each["value"]: each["images"] for each in evaluation["groups"][0]["groups"]}
    assert values == {"ann": 16, CARELESS: 16, None: 16}
    assert "labeller" in pq.read_table(tmp_path / "e" / "mistakes.parquet").column_names


def test_columns_that_are_not_there_are_refused(studied: Path, faces: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"`group_by`: r.parquet has no column 'by'; it has: label, labeller, person"):
        evaluate(EvaluateOptions(studied / "r.parquet", tmp_path / "e", group_by=("by",)))
    with pytest.raises(UsageError, match="`cluster`: faces has no column 'person'; give a manifest"):
        evaluate(EvaluateOptions(faces, tmp_path / "e", cluster="person"))
    (studied / "l.csv").write_text((studied / "m.csv").read_text().replace("labeller", "camera", 1))
    both = {"labels": str(studied / "l.csv"), "root": studied}
    words = (
        r"neither bare.parquet nor l.csv has a column 'kamera'; they have: path, .*, camera, .*; did you mean camera\?"
    )
    with pytest.raises(UsageError, match=f"`group_by`: {words}"):
        evaluate(studied / "bare.parquet", out=tmp_path / "e", group_by="kamera", **both)
    with pytest.raises(UsageError, match=words.replace("neither ", "neither .*")):
        report(studied / "bare.parquet", out=tmp_path / "r.html", group_by="kamera", **both)
    assert not (tmp_path / "e").exists()


def test_columns_that_group_nothing_are_refused_before_any_image_is_scored(
    studied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pa.Table.from_pandas(pd.read_csv(studied / "m.csv"))
    tags, who = pa.array([[1]] * len(table)), pa.array([b"\xfc"] * len(table)).view(pa.string())
    numbers = pa.array(range(len(table)))
    table = table.append_column("tags", tags).append_column("who", who).append_column("each", numbers)
    pq.write_table(table, studied / "odd.parquet")
    done: list[Progress] = []
    for options, message in (
        ({"group_by": ("tags",)}, "'tags' holds list<.*>; name one of text"),
        ({"group_by": ("who",)}, "'who' holds text that is not UTF-8"),
        ({"cluster": "who"}, "'who' holds text that is not UTF-8"),
        ({"group_by": ("each",)}, "has 49 different values, more than 40"),
    ):
        monkeypatch.setattr(grouping, "MOST_VALUES", 40)
        with pytest.raises(UsageError, match=message):
            evaluate(EvaluateOptions(studied / "odd.parquet", tmp_path / "e", **options), on_progress=done.append)
    assert not done


def test_what_makes_no_sense_is_refused_before_any_image_is_scored(faces: Path, tmp_path: Path) -> None:
    votes = tmp_path / "votes.csv"
    votes.write_text("file,joy\na.png,3\n")
    done: list[Progress] = []
    for options, message in (
        ({"group_by": ("by",)}, "`group_by`"),
        ({"cluster": "person"}, "`cluster`"),
        ({"votes": votes}, "votes.csv"),
        ({"class_prior": "even"}, "`class_prior` must be"),
    ):
        with pytest.raises(UsageError, match=message):
            evaluate(EvaluateOptions(faces, tmp_path / "e", **options), on_progress=done.append)
    assert not done


def test_mistakes_and_doubts_are_tables_of_all_of_them(studied: Path, tmp_path: Path) -> None:
    evaluate(EvaluateOptions(studied / "r.parquet", tmp_path / "e", root=studied, group_by=("labeller",)))
    rows = pd.read_parquet(studied / "r.parquet").query("status == 'ok'")
    mistakes = pd.read_parquet(tmp_path / "e" / "mistakes.parquet")
    wrong = rows[rows.emotion != rows.label].sort_values("confidence", ascending=False)
    assert mistakes.path.tolist() == wrong.path.tolist()
    for name, column in {"label": "label", "predicted": "emotion", "labeller": "labeller"}.items():
        assert mistakes[name].tolist() == wrong[column].tolist()
    assert mistakes.confidence.tolist() == pytest.approx(wrong.confidence.tolist())
    chances = rows[[name for name in rows if name.startswith("p_")]]
    of_label = [row[f"p_{row.label}"] for _, row in wrong.iterrows()]
    assert mistakes.label_confidence.tolist() == pytest.approx(of_label)
    ordered = np.sort(chances.to_numpy(), axis=1)
    margins = ordered[:, -1] - ordered[:, -2]
    doubts = pd.read_parquet(tmp_path / "e" / "doubts.parquet")
    assert doubts.path.tolist() == rows.path[margins < DOUBT].iloc[np.argsort(margins[margins < DOUBT])].tolist()
    assert (doubts.confidence - doubts.second_confidence).is_monotonic_increasing
    read = pd.read_csv(tmp_path / "e" / "mistakes.csv", keep_default_na=False)
    assert read.path.tolist() == mistakes.path.tolist()
    assert [*read.columns] == [*mistakes.columns]


def test_the_list_on_the_page_is_sorted_and_filtered_in_a_browser(studied: Path, tmp_path: Path) -> None:
    path = browser_path()
    if path is None:
        pytest.skip("there is no Chromium on the PATH")
    evaluate(EvaluateOptions(studied / "r.parquet", tmp_path / "e", root=studied, group_by=("labeller",)))
    with opened_browser(path, tmp_path / "profile") as page:
        for scheme, width in (("light", 1280), ("dark", 390)):
            page.open(tmp_path / "e" / "evaluation.html", width, scheme=scheme)
            assert page.requests + page.complaints == []
            assert page.run("document.documentElement.scrollWidth") <= width
        shown = "[...document.querySelectorAll('#samples tbody tr')].filter((row) => !row.hidden)"
        total = page.run(f"{shown}.length")
        assert page.run(f"{shown}.every((row) => row.cells[0].querySelector('img').naturalWidth === 48)")
        head = "[...document.querySelectorAll('#samples thead th')].find((each) => each.textContent === 'confidence')"
        page.run(f"{head}.querySelector('button').click()")
        values = page.run(f"{shown}.map((row) => Number(row.cells[4].dataset.value))")
        assert values == sorted(values)
        page.run(
            "(() => { const box = document.getElementById('filter-text'); box.value = 'B; BOB';"
            " box.dispatchEvent(new Event('input')) })()"
        )
        assert 0 < page.run(f"{shown}.length") < total
        assert page.run(f"new Set({shown}.map((row) => row.cells[6].textContent)).size") == 1
        assert page.run("document.getElementById('shown').textContent").endswith(f"of {total} images")


@pytest.mark.parametrize("prior", ["uniform", "auto"])
def test_another_mix_of_classes_is_that_of_predict_wherever_it_is_asked_for(
    studied: Path, tmp_path: Path, prior: str
) -> None:
    made = tmp_path / "made.parquet"
    predict(PredictOptions((str(studied / "m.csv"),), made, class_prior=prior))
    of_made = evaluate(EvaluateOptions(made, tmp_path / "a", root=studied)).evaluation
    for number, data in enumerate(("m.csv", "r.parquet")):
        out = tmp_path / str(number)
        assert main(["evaluate", str(studied / data), "--class-prior", prior, "--out", str(out), "--quiet"]) == 0
        asked = json.loads((out / "evaluation.json").read_text())
        assert asked["all"]["confusion_matrix"] == of_made["all"]["confusion_matrix"]
        assert asked["all"]["log_loss"] == pytest.approx(of_made["all"]["log_loss"], abs=1e-4)
        assert asked["class_prior"]["assumed"] == prior
    back = evaluate(EvaluateOptions(made, tmp_path / "b", root=studied, class_prior="training")).evaluation
    plain = evaluate(EvaluateOptions(studied / "r.parquet", tmp_path / "c", root=studied)).evaluation
    assert back["all"]["confusion_matrix"] == plain["all"]["confusion_matrix"]
    assert back["all"]["log_loss"] == pytest.approx(plain["all"]["log_loss"], abs=1e-4)


def test_an_evaluation_under_another_mix_is_not_put_on_a_card(studied: Path, tmp_path: Path) -> None:
    shutil.copytree(models_folder() / "seed-cnn", tmp_path / "m")
    options = EvaluateOptions(studied / "m.csv", tmp_path / "e", tmp_path / "m", class_prior="uniform")
    with pytest.raises(UsageError, match="another mix of classes"):
        record_evaluation(tmp_path / "m", evaluate(options).evaluation)


def test_only_and_another_mix_go_together(studied: Path, tmp_path: Path) -> None:
    kept = ("happy", "sad", "surprise")
    source = SourceOptions(root=studied)
    made = tmp_path / "made.parquet"
    predict(PredictOptions((str(studied / "m.csv"),), made, source=source, only=kept, class_prior="uniform"))
    of_made = evaluate(EvaluateOptions(made, tmp_path / "a", root=studied)).evaluation
    options = EvaluateOptions(studied / "m.csv", tmp_path / "b", only=kept, class_prior="uniform")
    of_images = evaluate(options).evaluation
    assert of_images["all"]["confusion_matrix"] == of_made["all"]["confusion_matrix"]
    for evaluation in (of_images, of_made):
        assert set(evaluation["left_out"]) == {"angry", "disgust", "fear"}
        assert left_out_alarm(evaluation) == "", "they were left out on purpose"
        assert evaluation["model"]["class_names"] == list(kept)
