"""Settings as options of sbatch, and the errors for invalid settings."""

from __future__ import annotations

import pytest

from dvc_bridge.engines.slurm.job_options import most_options, resource_options
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.parse_settings import parse_settings
from dvc_bridge.pipeline.task_settings import Resources

SECTION = {
    "partition": "cpu",
    "account": "team",
    "qos": "normal",
    "constraint": "intel&ssd",
    "reservation": "course",
    "extra": ["--exclude=node7"],
}


def options(stages: object, slurm: object) -> list[str]:
    """Return the options of the stage `train`."""
    settings = parse_settings({"stages": stages, "slurm": slurm})
    pod = settings.pod("train")
    return list(resource_options(pod, pod.timeout, settings.slurm))


def test_settings_become_options() -> None:
    resources = {"cpu": "1500m", "memory": "1.5Gi", "gpu": 2, "timeout": "90s"}
    assert options({"train": resources}, SECTION | {"gres": "gpu:a100"}) == [
        *("--partition=cpu", "--account=team", "--qos=normal", "--constraint=intel&ssd"),
        *("--reservation=course", "--cpus-per-task=2", "--mem=1536M", "--gres=gpu:a100:2"),
        *("--time=2", "--requeue", "--exclude=node7"),
    ]


def test_without_settings_the_defaults_of_the_site_hold() -> None:
    assert options({}, {}) == ["--requeue"]
    assert options({"train": {"retries": 0}}, {}) == ["--no-requeue"]


def test_a_task_starts_with_its_first_memory_and_is_checked_with_its_largest() -> None:
    settings = parse_settings({"stages": {"*": {"memory": ["1Gi", "4Gi"], "retries": 0}}})
    pod = settings.pod("train")
    assert resource_options(pod, None, settings.slurm) == ("--mem=1024M", "--requeue")
    assert most_options(pod, None, settings.slurm) == ("--mem=4096M", "--requeue")


def test_the_settings_of_a_stage_have_precedence() -> None:
    own = {"train": {"slurm": {"partition": "gpu", "extra": []}}}
    assert options(own, SECTION)[0] == "--partition=gpu"
    assert options(own, SECTION)[-1] == "--requeue"


@pytest.mark.parametrize(
    ("quantity", "megabytes"), [("1G", 954), ("512Mi", 512), ("1000", 1), ("2Ti", 2097152)]
)
def test_memory_is_rounded_up_to_megabytes(quantity: str, megabytes: int) -> None:
    settings = parse_settings({})
    assert f"--mem={megabytes}M" in resource_options(
        Resources(memory=quantity), None, settings.slurm
    )


@pytest.mark.parametrize(
    ("slurm", "message"),
    [
        ({"partitoin": "a"}, "unknown key slurm.partitoin; did you mean partition?"),
        ({"partition": "a; rm -rf x"}, "slurm.partition must be a name"),
        (
            {"extra": ["--mem=4G"]},
            "slurm.extra must be a list without --mem: use stages.GLOB.memory",
        ),
        ({"extra": ["-p", "gpu"]}, "slurm.extra must be a list without -p: use slurm.partition"),
        ({"extra": ["--wrap=x"]}, "a list without --wrap, which dvc-bridge sets itself"),
        ({"extra": ["gpu"]}, "'gpu' is none"),
        ({"setup": 3}, "slurm.setup must be a line of shell or a list of lines"),
        ({"work_dir": "scratch"}, "slurm.work_dir must be an absolute path, or a variable"),
        ({"container": "apptainer 'exec"}, "slurm.container must be a command"),
        ({"python": ""}, "slurm.python must be the path of an interpreter"),
    ],
)
def test_an_invalid_setting_is_reported(slurm: object, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_settings({"slurm": slurm})
    assert f"dvc-bridge.yaml: {message}" in str(raised.value) or message in str(raised.value)


def test_a_stage_may_set_only_what_may_differ_between_jobs() -> None:
    with pytest.raises(
        UsageError, match=r"stages\.a\.slurm must be a mapping with partition, account"
    ):
        parse_settings({"stages": {"a": {"slurm": {"setup": "x"}}}})
    with pytest.raises(
        UsageError, match=r"stages\.a\.slurm must be valid: partition must be a name"
    ):
        parse_settings({"stages": {"a": {"slurm": {"partition": "a b"}}}})
