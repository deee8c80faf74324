"""What the quotas and LimitRanges of a namespace demand of pods, compared with the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.base import Finding
from dvc_bridge.engines.kubernetes.errors import FORBIDDEN, ApiError
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.pipeline.quantity import amount
from dvc_bridge.pipeline.shorten import first_names
from dvc_bridge.pipeline.task_settings import Resources

_SHOWN = 5
# What a quota demands of every container -> the settings that a stage meets it with.
_DEMANDS = {
    "requests.cpu": ("cpu", "cpu_limit"),
    "cpu": ("cpu", "cpu_limit"),
    "limits.cpu": ("cpu_limit",),
    "requests.memory": ("memory", "memory_limit"),
    "memory": ("memory", "memory_limit"),
    "limits.memory": ("memory", "memory_limit"),
    "requests.ephemeral-storage": ("ephemeral_storage",),
    "limits.ephemeral-storage": ("ephemeral_storage",),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a namespace.

    Parameters
    ----------
    quotas
        The name of each quota, and what it limits, such as `limits.cpu`.
    ranges
        The limits for containers of each LimitRange: `max`, `min`, `default`, `defaultRequest`.
    """

    quotas: Mapping[str, Sequence[str]]
    ranges: Mapping[str, Sequence[Mapping[str, Mapping[str, str]]]]

    def has_default(self, demand: str) -> bool:
        """Return whether a LimitRange gives containers the value that a quota demands."""
        section, _, resource = demand.rpartition(".")
        keys = ("default",) if section == "limits" else ("default", "defaultRequest")
        limits = [limit for listed in self.ranges.values() for limit in listed]
        return any(resource in (limit.get(key) or {}) for limit in limits for key in keys)


def check_rules(
    cluster: Cluster, argo: ArgoSettings, tasks: Mapping[str, Resources]
) -> Iterator[Finding]:
    """Yield what the namespace would refuse of the pods of these stages."""
    try:
        rules = _read(cluster)
    except ApiError as error:
        if error.status == FORBIDDEN:
            yield Finding(
                "rules", None, "quotas and LimitRanges: cannot check: you may not list them"
            )
        else:
            yield Finding("rules", False, error.message, error.fix)
        return
    findings = list(compare(rules, argo, tasks))
    if not findings and (rules.quotas or rules.ranges):
        names = ", ".join((*rules.quotas, *rules.ranges))
        findings = [Finding("rules", True, f"pods conform to {names}")]
    yield from findings


def compare(rules: Rules, argo: ArgoSettings, tasks: Mapping[str, Resources]) -> Iterator[Finding]:
    """Yield what rules would refuse of the pods of these stages."""
    yield from _missing(rules, tasks)
    yield from _executor(rules, argo)
    yield from _out_of_range(rules, tasks)


def _read(cluster: Cluster) -> Rules:
    from kubernetes import client  # noqa: PLC0415  an extra

    core, connection = client.CoreV1Api(cluster.connection.api), cluster.connection
    quotas = connection.ask(core.list_namespaced_resource_quota, cluster.namespace).items
    ranges = connection.ask(core.list_namespaced_limit_range, cluster.namespace).items
    to_dict = connection.api.sanitize_for_serialization
    return Rules(
        {quota.metadata.name: tuple(quota.spec.hard or ()) for quota in quotas},
        {
            item.metadata.name: [to_dict(x) for x in item.spec.limits if x.type == "Container"]
            for item in ranges
        },
    )


def _missing(rules: Rules, tasks: Mapping[str, Resources]) -> Iterator[Finding]:
    for quota, demand in _demands(rules):
        keys = _DEMANDS[demand]
        if stages := [name for name, task in tasks.items() if not any(_values(task, keys))]:
            yield Finding(
                "rules",
                False,
                f"the quota {quota} demands {demand} of every pod;"
                f" {first_names(stages, _SHOWN)} set none",
                f'stages: {{"*": {{{keys[0]}: ...}}}} in dvc-bridge.yaml',
            )


def _executor(rules: Rules, argo: ArgoSettings) -> Iterator[Finding]:
    given = {"cpu": argo.executor_cpu, "memory": argo.executor_memory}
    for quota, demand in _demands(rules):
        resource = demand.rpartition(".")[2]
        if resource in given and not given[resource]:
            yield Finding(
                "rules",
                None,
                f"the quota {quota} demands {demand} of Argo's own containers too; cannot check"
                " whether Argo's controller sets it",
                f"argo: {{executor_{resource}: {'100m' if resource == 'cpu' else '64Mi'}}} in"
                " dvc-bridge.yaml",
            )


def _demands(rules: Rules) -> Iterator[tuple[str, str]]:
    for quota, limited in rules.quotas.items():
        for demand in limited:
            if demand in _DEMANDS and not rules.has_default(demand):
                yield quota, demand


def _out_of_range(rules: Rules, tasks: Mapping[str, Resources]) -> Iterator[Finding]:
    limits = [(name, limit) for name, listed in rules.ranges.items() for limit in listed]
    for name, limit in limits:
        for resource in ("cpu", "memory"):
            most = (limit.get("max") or {}).get(resource)
            least = (limit.get("min") or {}).get(resource)
            keys = (resource, f"{resource}_limit")
            too_much = [s for s, t in tasks.items() if most and _largest(t, keys) > amount(most)]
            too_little = [
                s for s, t in tasks.items() if least and 0 < _smallest(t, keys) < amount(least)
            ]
            for bound, word, stages in ((most, "most", too_much), (least, "least", too_little)):
                if stages:
                    yield Finding(
                        "rules",
                        False,
                        f"the LimitRange {name} allows at {word} {bound} {resource} per container:"
                        f" {first_names(stages, _SHOWN)}",
                        f"change {resource} of these stages in dvc-bridge.yaml",
                    )


def _values(task: Resources, keys: Sequence[str]) -> list[Any]:
    values = [getattr(task if hasattr(task, key) else task.pod, key) for key in keys]
    return [value for value in values if value] + list(task.memories if "memory" in keys else ())


def _largest(task: Resources, keys: Sequence[str]) -> float:
    return max(map(amount, _values(task, keys)), default=0.0)


def _smallest(task: Resources, keys: Sequence[str]) -> float:
    return min(map(amount, _values(task, keys)), default=0.0)
