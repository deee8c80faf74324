"""Quotas and LimitRanges of a namespace are compared with the settings."""

from __future__ import annotations

from typing import Any

import pytest

from dvc_bridge.engines.argo.doctor_namespace import Rules, compare
from dvc_bridge.engines.argo.doctor_remotes import check_remotes
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.pipeline.parse_settings import parse_settings

ALL = ("requests.cpu", "limits.cpu", "requests.memory", "limits.memory", "pods")
ENOUGH = {"cpu": 1, "cpu_limit": 2, "memory": "1Gi"}
EXECUTOR = {"executor_cpu": "100m", "executor_memory": "64Mi"}


def said(rules: Rules, stages: dict[str, Any], argo: dict[str, Any]) -> list[tuple[Any, str]]:
    settings = parse_settings({"stages": stages, "argo": argo})
    tasks = {name: settings.pod(name) for name in ("a", "b")}
    return [(finding.is_ok, finding.message) for finding in compare(rules, settings.argo, tasks)]


def test_a_quota_is_met_by_requests_and_limits() -> None:
    assert said(Rules({"q": ALL}, {}), {"*": ENOUGH}, EXECUTOR) == []


def test_a_default_of_a_limit_range_meets_a_quota() -> None:
    default = {"default": {"cpu": "1", "memory": "1Gi"}}
    assert said(Rules({"q": ALL}, {"r": [default]}), {}, {}) == []


def test_what_a_quota_demands_and_a_stage_does_not_set_is_named() -> None:
    found = said(Rules({"q": ("limits.cpu",)}, {}), {"b": {"cpu_limit": 1}}, {})
    assert found == [
        (False, "the quota q demands limits.cpu of every pod; a set none"),
        (
            None,
            "the quota q demands limits.cpu of Argo's own containers too; cannot check whether"
            " Argo's controller sets it",
        ),
    ]


def test_a_limit_range_is_compared_with_every_attempt() -> None:
    limits = {"max": {"memory": "4Gi"}, "min": {"cpu": "200m"}}
    stages = {"a": {"memory": ["2Gi", "8Gi"]}, "b": {"cpu": "100m", "memory": "4Gi"}}
    assert said(Rules({}, {"r": [limits]}), stages, {}) == [
        (False, "the LimitRange r allows at least 200m cpu per container: b"),
        (False, "the LimitRange r allows at most 4Gi memory per container: a"),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "/mnt/store"}, "remote s is the folder /mnt/store of this machine"),
        ({"url": "s3://b", "endpointurl": "http://127.0.0.1:9000"}, "remote s is at http://127.0"),
        ({"url": "ssh://localhost/x"}, "remote s is at ssh://localhost/x"),
        ({"url": "s3://b", "endpointurl": "http://store:9000"}, ""),
    ],
)
def test_a_remote_that_only_this_machine_has_is_found(
    options: dict[str, str], message: str
) -> None:
    config = {"core": {"remote": "s"}, "remote": {"s": options}}
    found = [finding.message for finding in check_remotes(config, [], ArgoSettings())]
    assert bool(found) is bool(message)
    assert all(text.startswith(message) for text in found)


def test_an_address_for_pods_replaces_that_of_this_machine() -> None:
    config = {
        "core": {"remote": "s"},
        "remote": {"s": {"url": "s3://b", "endpointurl": "http://localhost"}},
    }
    argo = ArgoSettings(remotes=(("s", (("endpointurl", "http://store"),)),))
    assert list(check_remotes(config, [], argo)) == []
