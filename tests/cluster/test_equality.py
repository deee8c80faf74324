"""Cases of the equality lab, played by `dvc-bridge submit --wait` as pods of a real cluster.

After every step dvc.lock, .gitignore files, workspace, modes, metrics, cache and the stages whose
commands ran are as after sequential `dvc repro`. Needs what test_submit.py needs. A pod holds what
`--fuse auto` puts into it; EQUALITY_FUSE=none plays with a pod for every stage.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.cluster.conftest import KEYS, TOOLS, settings
from tests.cluster.submitted import NAME, RAN
from tests.cluster.test_submit import NEEDED
from tests.dvc_bridge.equality.lab import Lab
from tests.dvc_bridge.equality.test_pods import PLAYED
from tests.dvc_bridge.equality.workbench import Case, Workbench

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]
ELSEWHERE = {"commands in a missing shell": "a pod has a shell of its own"}
GIVEN = ("KUBECONFIG", "CLUSTER_S3_ENDPOINT", "EQUALITY_FUSE", *KEYS)


@pytest.fixture(scope="module")
def lab(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    env = {key: os.environ[key] for key in GIVEN if key in os.environ}
    work = tmp_path_factory.mktemp("lab")
    with Lab(work, ours=NAME, env={**env, "LAB_BUCKET": bucket}) as lab:
        yield lab


@pytest.mark.parametrize(
    "case",
    [case for case in PLAYED if case.name not in ELSEWHERE],
    ids=lambda case: case.name,
)
def test_case_on_a_cluster_ends_where_dvc_repro_ends(lab: Lab, bucket: str, case: Case) -> None:
    found = lab.unlike(replace(case, build=lambda bench: _furnish(case, bench, bucket)))
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def _furnish(case: Case, bench: Workbench, bucket: str) -> None:
    """Build; both sides get the settings of the pods, and `ran` where a pod has it on PATH."""
    case.build(bench)
    for marker in (".dvc", ".git"):
        for found in bench.root.rglob(marker):
            ran = found.parent / TOOLS / "ran"
            ran.parent.mkdir(exist_ok=True)
            ran.write_text(RAN)
            ran.chmod(0o755)
            if marker == ".dvc":
                (found.parent / "dvc-bridge.yaml").write_text(settings(bucket))
