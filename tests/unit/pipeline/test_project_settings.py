"""dvc-bridge.yaml: mutexes, and the errors for an invalid file."""

from __future__ import annotations

import pytest

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.parse_settings import parse_settings
from dvc_bridge.pipeline.task_settings import Resources
from tests.support.commands import bridge
from tests.support.projects import MakeProject

# Fails if another stage holds the same lock at that moment; mkdir is atomic.
ALONE = "mkdir lock && sleep 0.2 && rmdir lock && echo > ${item}"

SEES_LOCK = "for i in $(seq 100); do test -d lock && exec touch f; sleep 0.05; done; exit 1"


def test_of_the_stages_with_one_word_one_runs_at_a_time(make_project: MakeProject) -> None:
    stages = {
        "train": {"foreach": ["a", "b"], "do": {"cmd": ALONE, "outs": ["${item}"]}},
        "other": {"cmd": ALONE.replace("${item}", "o"), "outs": ["o"]},
        "free": {"cmd": SEES_LOCK, "outs": ["f"]},
    }
    root = make_project(stages)
    mutexes = '{stages: {"train@*": {mutex: gpu}, other: {mutex: [net, gpu]}, free: {mutex: net}}}'
    (root / "dvc-bridge.yaml").write_text(mutexes)
    bridge(root, "repro", "-j4", "train", "other")
    # `free` shares no mutex with train, and runs at the same time.
    bridge(root, "repro", "-f", "-j4", "train", "free")


def test_all_errors_in_the_file_are_reported_at_once(make_project: MakeProject) -> None:
    root = make_project({"a": {"cmd": "echo > a", "outs": ["a"]}})
    (root / "dvc-bridge.yaml").write_text(
        "stage: {}\n"
        "stages:\n"
        "  a: {mutx: gpu, mutex: 3}\n"
        "  b: {mutex: [x, 1]}\n"
        "  c: {mutex: }\n"  # a key without a value counts as missing
        "  d: 5\n"
        "  e: {colour: red, retires: 1}\n"
        "argo: {fuse: chain}\n"
    )
    for command in ("repro", "plan"):
        text = bridge(root, command, code=2)
        for line in (
            "dvc-bridge.yaml: unknown key stage; did you mean stages?",
            "dvc-bridge.yaml: unknown key stages.a.mutx; did you mean mutex?",
            "dvc-bridge.yaml: stages.a.mutex must be a word or a list of words",
            "dvc-bridge.yaml: stages.b.mutex must be a word or a list of words",
            "dvc-bridge.yaml: stages.d must be a mapping, not int",
            "dvc-bridge.yaml: unknown key stages.e.colour; valid keys: mutex, image, cpu, memory",
            "dvc-bridge.yaml: unknown key stages.e.retires; did you mean retries?",
            "dvc-bridge.yaml: argo.fuse must be one of none, chains, auto; did you mean chains?",
            "fix: correct dvc-bridge.yaml",
        ):
            assert line in text
    assert not (root / "a").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- a\n", "dvc-bridge.yaml: the file must be a mapping, not list"),
        ("stages: [a]\n", "dvc-bridge.yaml: stages must be a mapping, not list"),
        ("stages: {a: {mutex: x}\n", "dvc-bridge.yaml: line 2, column 1: "),
        (
            "stages: {tarin: {mutex: x}}\n",
            "dvc-bridge.yaml: stages.tarin matches no stage; did you mean train?",
        ),
    ],
)
def test_a_file_that_cannot_be_meant_so_is_refused(
    make_project: MakeProject, content: str, said: str
) -> None:
    root = make_project({"train": {"cmd": "echo > a", "outs": ["a"]}})
    (root / "dvc-bridge.yaml").write_text(content)
    assert said in bridge(root, "repro", code=2)
    assert not (root / "a").exists()


@pytest.mark.parametrize("content", ["", "stages:\n", "stages: {train: }\n"])
def test_an_empty_file_is_none(make_project: MakeProject, content: str) -> None:
    root = make_project({"train": {"cmd": "echo > a", "outs": ["a"]}})
    (root / "dvc-bridge.yaml").write_text(content)
    assert "1 ran" in bridge(root, "repro")


def test_of_two_globs_the_later_wins_key_by_key() -> None:
    settings = parse_settings(
        {
            "argo": {"image": "team:1", "secrets": ["s3"], "fuse": "none", "user": "any"},
            "stages": {
                "*": {"cpu": 0.5, "memory": "1Gi", "timeout": "2h", "secret_env": "db"},
                "train@*": {"cpu": 2, "image": "team:gpu", "gpu": 1, "retries": 0},
            },
        }
    )
    assert settings.pod("prep") == Resources(
        image="team:1", cpu="0.5", memory="1Gi", timeout=7200, secret_env=("s3", "db")
    )
    assert settings.pod("train@a") == Resources(
        image="team:gpu",
        cpu="2",
        memory="1Gi",
        gpu=1,
        timeout=7200,
        retries=0,
        secret_env=("s3", "db"),
    )
    assert settings.argo.fuse is Fuse.NONE
    assert settings.argo.user is None
    assert parse_settings(None).pod("prep") == Resources()


def test_equal_settings_are_equal_in_whatever_order_they_are_written() -> None:
    tolerations = [{"key": "gpu", "effect": "NoSchedule"}, {"effect": "NoSchedule", "key": "gpu"}]
    settings = parse_settings(
        {
            "stages": {
                "a": {"node_selector": {"x": "1", "y": "2"}, "tolerations": [tolerations[0]]},
                "b": {"node_selector": {"y": "2", "x": "1"}, "tolerations": tolerations[1]},
            }
        }
    )
    assert len({settings.pod("a"), settings.pod("b")}) == 1


QUANTITY = "a Kubernetes quantity: 2, 0.5, 500m, 512Mi, 4Gi"
# Key, value, and what its refusal says.
INVALID_IN_STAGES: list[tuple[str, object, str]] = [
    ("image", "team/image:1 --privileged", "an image name such as"),
    ("image", "{{workflow.parameters.image}}", "text without {{"),
    ("cpu", 0, "a Kubernetes quantity"),
    ("cpu", True, "a Kubernetes quantity"),
    ("memory", "4 GB", f"{QUANTITY}; Kubernetes writes 4G or 4Gi"),
    ("memory", "1.5GiB", f"{QUANTITY}; Kubernetes writes 1.5Gi"),
    ("memory", "500kb", f"{QUANTITY}; Kubernetes writes 500k or 500Ki"),
    ("gpu", -1, "an integer, 0 or more"),
    ("retries", "2", "an integer, 0 or more"),
    ("timeout", "1 hour", "a duration: seconds, or 90m, 1h30m, 2h, 1d"),
    ("timeout", 0, "a duration"),
    ("timeout", "30m1h", "a duration"),
    ("timeout", "0h0m", "a duration"),
    ("node_selector", {"gpu": True}, "text; numbers and true or false need quotes"),
    ("node_selector", ["a"], "a mapping of labels to strings"),
    ("tolerations", [{"keys": "a"}], "a list of mappings with key, operator"),
    ("tolerations", [{"key": "a", "tolerationSeconds": "1"}], "an integer"),
    ("secret_env", ["S3 keys"], "a Kubernetes name"),
    ("memory", ["2Gi", "1Gi"], "a quantity, or a list in which each quantity is larger"),
    ("memory", [], "a quantity, or a list"),
    ("memory_growth", 1, "a number between 1 and 100"),
    ("timeout", ["2h", "1h"], "a duration, or a list in which each duration is longer"),
    ("gpu", {"gpu": 1}, "an integer, 0 or more, or a resource with a number"),
    ("gpu", {"amd.com/gpu": 1, "nvidia.com/gpu": 1}, "an integer, 0 or more, or a resource"),
    ("labels", {"team": 1}, "a mapping of labels to strings; numbers"),
    ("labels", {"team": "data science"}, "a mapping to at most 63 letters"),
    ("labels", {"-team": "a"}, "a mapping from names such as team"),
    ("annotations", {"x": "{{workflow.name}}"}, "a mapping without {{"),
    ("annotations", ["x"], "a mapping of annotations to strings"),
    ("env", {"MY-VAR": "1"}, "a mapping from names of environment variables, not MY-VAR"),
    ("env", {"DVC_BRIDGE_RUN": "1"}, "a mapping without DVC_BRIDGE_RUN, which dvc-bridge sets"),
    ("env", {"HOME": "/"}, "a mapping without HOME"),
    ("env_from", "My Map", "a Kubernetes name"),
    ("volumes", {"data": {"claim": "x"}}, "a mapping of folders such as /data, not data"),
    ("volumes", {"/data": "x"}, "a mapping to one of {claim: ...}, {ephemeral: ...}"),
    ("volumes", {"/data": {"claim": "x", "empty_dir": "1Gi"}}, "a mapping to one of"),
    ("volumes", {"/data": {"empty_dir": "1Gi", "read_only": True}}, "a mapping without read_only"),
    ("volumes", {"/data": {"claim": "x", "sub_path": "../y"}}, "a mapping in which sub_path"),
    ("volumes", {"/data": {"claim": "x", "read_only": "yes"}}, "a mapping in which read_only"),
    ("volumes", {"/var/run/secrets/x": {"claim": "x"}}, "a mapping without /var/run/secrets/x"),
    ("affinity", "zone a", "a mapping, as in the specification of a pod"),
    ("pod_patch", {"x": "{{workflow.name}}"}, "a mapping without {{"),
    ("pending_timeout", "soon", "a duration"),
]


@pytest.mark.parametrize(("key", "value", "said"), INVALID_IN_STAGES)
def test_a_value_that_a_pod_cannot_have_is_refused(key: str, value: object, said: str) -> None:
    with pytest.raises(UsageError, match="fix: correct") as refused:
        parse_settings({"stages": {"a": {key: value}}})
    assert f"stages.a.{key} must be {said}" in refused.value.message


INVALID_IN_ARGO: list[tuple[str, object, str]] = [
    ("image_pull_policy", "ifnotpresent", "one of Always, IfNotPresent, Never"),
    ("namespace", "My_Space", "a Kubernetes name"),
    ("service_account", 3, "a Kubernetes name"),
    ("parallelism", 0, "an integer, 1 or more"),
    ("user", 0, "an integer, 1 or more"),
    ("timezone", "Berlin time", "the name of a time zone"),
    ("concurrency_policy", "forbid", "one of Forbid, Allow, Replace; did you mean Forbid?"),
    ("secret_files", ["key"], "a mapping of Secrets to folders"),
    ("secret_files", {}, "a mapping of Secrets to folders"),
    ("secret_files", {"My key": "/secrets/x"}, "a Kubernetes name"),
    ("secret_files", {"key": "secrets/x"}, "a mapping of Secrets to folders of the pod"),
    ("secret_files", {"key": "/work"}, "a mapping of Secrets to folders of the pod"),
    ("secret_files", {"key": "/x/{{y}}"}, "a mapping of Secrets to folders of the pod"),
    (
        "secret_files",
        {"a": "/x", "b": "/x"},
        "a mapping of Secrets to folders, a different one",
    ),
    ("remotes", {"store": "s3://x"}, "a mapping of remotes to options"),
    ("remotes", {"store": {"url": ["x"]}}, "a mapping of remotes to strings; store.url is not"),
    (
        "remotes",
        {"store": {"url": "{{x}}"}},
        "a mapping of remotes to strings; store.url is not",
    ),
    ("remotes", {"store": {"password": "x"}}, "a mapping without secrets: store.password"),
]


@pytest.mark.parametrize(("key", "value", "said"), INVALID_IN_ARGO)
def test_a_value_that_a_workflow_cannot_have_is_refused(key: str, value: object, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_settings({"argo": {key: value}})
    assert f"argo.{key} must be {said}" in refused.value.message


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("cpu_hour", "0.04 EUR", "a number from 0 to 1e12, without the currency"),
        ("cpu_hour", -1, "a number from 0"),
        ("cpu_hour", 10**400, "a number from 0"),
        ("cpu_hour", True, "a number from 0"),
        ("cpu_hour", float("nan"), "a number from 0"),
        ("currency", 3, "text of at most 20 characters"),
        ("currency", " ", "text of at most 20 characters"),
    ],
)
def test_a_price_is_a_number(key: str, value: object, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_settings({"prices": {key: value}})
    assert f"prices.{key} must be {said}" in refused.value.message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(90, 90), ("90", 90), ("90m", 5400), ("1h30m", 5400), ("1d2h3m4s", 93_784)],
)
def test_a_duration_may_have_several_units(value: object, seconds: int) -> None:
    assert parse_settings({"stages": {"*": {"timeout": value}}}).pod("a").timeout == seconds


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ({"stages": {"a": {"nodeSelector": {}}}}, "stages.a.nodeSelector; did you mean node_sel"),
        ({"stages": {"a": {"tolerations_": []}}}, "stages.a.tolerations_; did you mean toler"),
        ({"stages": {"a": {"parallelism": 2}}}, "it belongs in argo or in processes"),
        ({"stages": {"a": {"secret_file": {}}}}, "stages.a.secret_file; did you mean secret_files"),
        ({"argo": {"cpu": 1}}, "argo.cpu; it belongs in stages.STAGE"),
        ({"argo": {"image_pull_tokens": []}}, "argo.image_pull_tokens; valid keys"),
        ({"processes": {"engine": "argo"}}, "it belongs at the top of the file"),
        ({3: 1}, "unknown key 3; valid keys: engine"),
    ],
)
def test_an_unknown_key_names_the_right_neighbour_or_none(
    content: dict[str, object], hint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        parse_settings(content)
    assert hint in refused.value.message
