"""The files in jobs/: every one is parsed, and every command line in them goes through the program's own parser."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from batch_emotion._version import __version__
from batch_emotion.cli import main
from tests.support.command_lines import JOBS, PROGRAM, ROOT, parse
from tests.support.pictures import NAMES


@pytest.fixture
def place(tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders that the jobs ask for."""
    (tmp_path / "results").mkdir()
    monkeypatch.setenv("PHOTOS", str(faces))
    monkeypatch.setenv("RESULTS", str(tmp_path / "results"))
    return tmp_path


def test_the_job_file_is_valid_and_shows_its_plan(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(JOBS / "nightly.toml"), "--check"]) == 0
    said = capsys.readouterr().out
    assert f"{place}/results/emotions.parquet" in said
    assert said.splitlines()[-1].startswith("48 images")


def test_what_the_job_file_offers_as_a_comment_is_valid_too(place: Path) -> None:
    text = (JOBS / "nightly.toml").read_text()
    offered = re.sub(r"^# (\w[\w-]* = )", r"\1", text, flags=re.M)
    assert offered != text
    (place / "offered.toml").write_text(offered.replace("${RESULTS}/good.parquet.run.json", "${PHOTOS}"))
    assert main(["run", str(place / "offered.toml"), "--dry-run"]) == 0


@pytest.mark.usefixtures("place")
def test_the_crontab_has_five_fields_and_commands_that_parse() -> None:
    commands = 0
    for line in (JOBS / "crontab").read_text().splitlines():
        line = re.sub(r"^# (?=[\d*])", "", line)
        if line.startswith("#") or not line or re.match(r"\w+=", line):
            continue
        *when, command = line.split(maxsplit=5)
        bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
        for text, (low, high) in zip(when, bounds, strict=True):
            assert text == "*" or low <= int(text) <= high
        assert "%" not in command, "cron takes it for a newline"
        parse(shlex.split(command.rpartition("; ")[2]))
        commands += 1
    assert commands == 2


def _unit(name: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None, comment_prefixes=("#",), delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(JOBS / "systemd" / name)
    return unit


@pytest.mark.usefixtures("place")
def test_the_unit_runs_a_command_that_parses_and_is_hardened() -> None:
    service = _unit("batch-emotion.service")["Service"]
    parse(shlex.split(service["ExecStart"]))
    assert service["Type"] == "oneshot"
    assert service["SuccessExitStatus"].split() == ["4", "75"]
    for key in ("NoNewPrivileges", "PrivateNetwork", "PrivateTmp", "ProtectKernelTunables"):
        assert service[key] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert set(_unit("batch-emotion.timer")["Timer"]) == {"OnCalendar", "RandomizedDelaySec", "Persistent"}


def test_for_object_stores_the_unit_gets_the_network_and_a_place_for_the_lock() -> None:
    service, added = _unit("batch-emotion.service")["Service"], _unit("object-store.conf")["Service"]
    assert (service["PrivateNetwork"], added["PrivateNetwork"]) == ("yes", "no")
    assert added["RestrictAddressFamilies"].split() == ["AF_INET", "AF_INET6"], "beside AF_UNIX"
    assert added["Environment"] == "XDG_STATE_HOME=/var/lib"
    assert service["User"] == added["StateDirectory"] == "batch-emotion"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
@pytest.mark.parametrize("with_store", [False, True])
def test_systemd_accepts_the_units(tmp_path: Path, with_store: bool) -> None:
    program = tmp_path / PROGRAM
    program.touch(mode=0o755)
    for unit in (JOBS / "systemd").glob("batch-emotion.*"):
        text = re.sub(r"(?<=ExecStart=)\S+", str(program), unit.read_text())
        (tmp_path / unit.name).write_text(text)
    if with_store:
        (tmp_path / "batch-emotion.service.d").mkdir()
        shutil.copy(JOBS / "systemd" / "object-store.conf", tmp_path / "batch-emotion.service.d")
    units = [str(tmp_path / f"batch-emotion.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# What the Kubernetes API (batch/v1, core/v1) requires, and the fields it knows of those that are used here.
REQUIRED = {
    "CronJobSpec": {"schedule", "jobTemplate"},
    "JobSpec": {"template"},
    "PodSpec": {"containers"},
    "Container": {"name"},
    "EnvVar": {"name"},
    "VolumeMount": {"name", "mountPath"},
    "Volume": {"name"},
    "PodFailurePolicyRule": {"action"},
    "OnExitCodes": {"operator", "values"},
    "OnPodCondition": {"type"},
}
KNOWN = {
    "CronJobSpec": {
        *("schedule", "timeZone", "startingDeadlineSeconds", "concurrencyPolicy", "suspend", "jobTemplate"),
        *("successfulJobsHistoryLimit", "failedJobsHistoryLimit"),
    },
    "JobSpec": {"template", "backoffLimit", "activeDeadlineSeconds", "podFailurePolicy", "ttlSecondsAfterFinished"},
    "PodSpec": {
        *("containers", "volumes", "restartPolicy", "terminationGracePeriodSeconds", "securityContext"),
        *("automountServiceAccountToken", "nodeSelector", "serviceAccountName"),
    },
    "Container": {"name", "image", "command", "args", "env", "resources", "securityContext", "volumeMounts"},
    "EnvVar": {"name", "value", "valueFrom"},
    "VolumeMount": {"name", "mountPath", "readOnly", "subPath"},
    "Volume": {"name", "configMap", "persistentVolumeClaim", "emptyDir"},
    "PodFailurePolicyRule": {"action", "onExitCodes", "onPodConditions"},
    "OnExitCodes": {"operator", "values", "containerName"},
    "OnPodCondition": {"type", "status"},
}


def _fits(kind: str, value: dict[str, object]) -> None:
    assert REQUIRED[kind] <= value.keys() <= KNOWN[kind], kind


@pytest.mark.usefixtures("place")
def test_the_cronjob_has_what_kubernetes_requires() -> None:
    cronjob = yaml.safe_load((JOBS / "kubernetes" / "cronjob.yaml").read_text())
    assert cronjob.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert (cronjob["apiVersion"], cronjob["kind"]) == ("batch/v1", "CronJob")
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?", cronjob["metadata"]["name"])
    spec = cronjob["spec"]
    _fits("CronJobSpec", spec)
    assert spec["concurrencyPolicy"] == "Forbid"
    assert len(spec["schedule"].split()) == 5
    job = spec["jobTemplate"]["spec"]
    _fits("JobSpec", job)
    pod = job["template"]["spec"]
    _fits("PodSpec", pod)
    assert pod["restartPolicy"] == "Never", "a pod failure policy allows no other"
    (container,) = pod["containers"]
    _fits("Container", container)
    for rule in job["podFailurePolicy"]["rules"]:
        _fits("PodFailurePolicyRule", rule)
        assert rule["action"] in ("FailJob", "Ignore", "Count")
        for condition in rule.get("onPodConditions", []):
            _fits("OnPodCondition", condition)
        if "onExitCodes" in rule:
            _fits("OnExitCodes", rule["onExitCodes"])
            assert rule["onExitCodes"]["containerName"] == container["name"]
    for variable in container["env"]:
        _fits("EnvVar", variable)
        assert isinstance(variable["value"], str)
    for volume in pod["volumes"]:
        _fits("Volume", volume)
    for mount in container["volumeMounts"]:
        _fits("VolumeMount", mount)
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    parse([*container["command"], *container["args"]])


def test_the_array_job_and_its_merge_make_the_whole_result(place: Path) -> None:
    """The scripts run as Slurm would run them, with a program that notes how it is called."""
    program = place / "bin" / PROGRAM
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$NOTED"\n')
    program.chmod(0o755)
    sbatch = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", (JOBS / "slurm" / "array.sh").read_text(), re.M))
    first, last = map(int, sbatch["array"].split("-"))
    tasks = []
    for task in range(first, last + 1):
        environment = os.environ | {
            "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
            "NOTED": str(place / "noted"),
            "SLURM_ARRAY_TASK_ID": str(task),
            "SLURM_ARRAY_TASK_MIN": str(first),
            "SLURM_ARRAY_TASK_COUNT": str(last - first + 1),
        }
        subprocess.run(["sh", str(JOBS / "slurm" / "array.sh")], env=environment, check=True)
        words = (place / "noted").read_text().splitlines()
        parse([PROGRAM, *words])
        tasks.append(int(words[words.index("--task-index") + 1]))
        (place / "results" / f"task-{task}.parquet").touch()
        assert words[words.index("--out") + 1] == str(place / "results" / f"task-{task}.parquet")
    assert tasks == list(range(int(words[words.index("--task-count") + 1])))
    subprocess.run(["sh", str(JOBS / "slurm" / "merge.sh")], env=environment, check=True)
    words = (place / "noted").read_text().splitlines()
    parse([PROGRAM, *words])
    assert sum(word.endswith(".parquet") for word in words) == len(tasks) + 1


def test_every_file_is_tested_and_none_is_python() -> None:
    files = {str(path.relative_to(JOBS)) for path in JOBS.rglob("*") if path.is_file()}
    assert files == {
        *("nightly.toml", "crontab", "systemd/batch-emotion.service", "systemd/batch-emotion.timer"),
        *("systemd/object-store.conf", "monitoring/alerts.yml", "monitoring/dashboard.json"),
        *("kubernetes/cronjob.yaml", "slurm/array.sh", "slurm/merge.sh"),
        *("container/Containerfile", "container/compose.yaml", "lite/README.md", "lite/pyproject.toml"),
        *("README.md", *(f"pictures/{name}" for name in (*NAMES, "speed.png"))),
    }


def _read_container() -> list[tuple[str, str]]:
    """The instructions of the Containerfile, each on one line."""
    text = re.sub(r"^#.*\n|^ #.*\n", "", (JOBS / "container" / "Containerfile").read_text(), flags=re.M)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]


def test_the_container_is_the_program_of_this_version_and_no_root() -> None:
    instructions = _read_container()
    assert {word for word, _ in instructions} == {
        *("ARG", "FROM", "RUN", "ENV", "WORKDIR", "COPY", "LABEL", "USER", "ENTRYPOINT", "CMD")
    }
    found = dict(instructions)
    assert found["ENTRYPOINT"] == f'["{PROGRAM}"]'
    user, group = map(int, found["USER"].split(":"))
    assert min(user, group) > 0
    assert f'image.version="{__version__}"' in found["LABEL"]
    assert [rest for word, rest in instructions if word == "FROM"] == ["${BASE} AS build", "${BASE}"]


def test_what_builds_the_package_is_sent_to_the_builder() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], pyproject["project"]["readme"]}
    assert needed <= sent
    assert {"jobs/lite", ".ci/constraints.txt", "pyproject.toml", "LICENSE"} <= sent
    assert all((ROOT / path).exists() for path in sent)


@pytest.mark.usefixtures("place")
def test_compose_and_kubernetes_run_the_same_image_as_safely() -> None:
    (service,) = yaml.safe_load((JOBS / "container" / "compose.yaml").read_text())["services"].values()
    pod = yaml.safe_load((JOBS / "kubernetes" / "cronjob.yaml").read_text())["spec"]["jobTemplate"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert service["image"] == container["image"] == f"{PROGRAM}:{__version__}"
    assert [PROGRAM, *service["command"]] == [*container["command"], *container["args"]]
    assert service["environment"] == {each["name"]: each["value"] for each in container["env"]}
    assert service["read_only"] is container["securityContext"]["readOnlyRootFilesystem"] is True
    assert service["cap_drop"] == container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    user = pod["spec"]["securityContext"]["runAsUser"]
    assert service["user"] == dict(_read_container())["USER"] == f"{user}:{user}"
    assert (JOBS / "container" / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    mounts = [volume.rsplit("}", 1)[-1].lstrip(":") for volume in service["volumes"]]
    assert {"/photos:ro", "/results"} <= set(mounts)


def test_command_lines_for_the_image_parse() -> None:
    image = f"{PROGRAM}:{__version__} "
    text = (JOBS / "README.md").read_text().replace("\\\n", " ")
    calls = [line.split(image)[1] for line in text.splitlines() if line.startswith("docker run ")]
    assert calls
    for call in calls:
        parse([PROGRAM, *shlex.split(call)])
