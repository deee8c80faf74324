"""Metaflow's settings for a cluster, as `metaflow configure` keeps them: one file a profile.

python -m dvc_bridge.metaflow.profile --bucket my-bucket --namespace argo --image my/image:1
export METAFLOW_PROFILE=cluster
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.errors import BridgeError, UsageError

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


class Setting(NamedTuple):
    """One thing that has to be said.

    Parameters
    ----------
    default
        None: it must be said; empty: it may be left out.
    form
        What it looks like, as a regular expression and in words.
    """

    names: tuple[str, ...]
    default: str | None
    form: tuple[str, str]
    meaning: str


_NAME = (f"{_LABEL}([.]{_LABEL})*", "small letters, digits, dashes and dots")
SETTINGS = {
    "bucket": Setting(
        (),
        None,
        (
            r"(?!.*[.]{2})[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*",
            "a bucket's name, without s3://, and a folder if you like: my-bucket/team",
        ),
        "where Metaflow keeps code packages, artifacts and logs, on S3",
    ),
    "endpoint": Setting(
        ("METAFLOW_S3_ENDPOINT_URL",),
        "",
        (r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?", "https://host or http://host:port"),
        "of a server other than Amazon's; the same address for you and for pods",
    ),
    "namespace": Setting(
        ("METAFLOW_KUBERNETES_NAMESPACE",),
        "default",
        (_LABEL, "small letters, digits and dashes, at most 63"),
        "of Kubernetes, for the pods",
    ),
    "image": Setting(
        ("METAFLOW_KUBERNETES_CONTAINER_IMAGE",),
        None,
        (r"[a-z0-9][A-Za-z0-9._/:@-]*", "registry/name:tag"),
        "with Python and the packages that steps import (this project's: the Dockerfile)",
    ),
    "pull-policy": Setting(
        ("METAFLOW_KUBERNETES_IMAGE_PULL_POLICY",),
        "",
        ("Always|IfNotPresent|Never", "Always, IfNotPresent or Never"),
        "when nodes get the image",
    ),
    "secret": Setting(
        ("METAFLOW_KUBERNETES_SECRETS",),
        "",
        (f"{_NAME[0]}(,{_NAME[0]})*", f"{_NAME[1]}; more than one with commas"),
        "Secrets with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; none if pods have a role",
    ),
    "service-account": Setting(
        ("METAFLOW_KUBERNETES_SERVICE_ACCOUNT",),
        "",
        _NAME,
        "of the pods; Argo needs one with the rights of docs/argo-rbac.yaml",
    ),
}
# Requests of steps that say nothing else: Metaflow's own default of 4 GB a pod fits few nodes.
# Metaflow tries a failed call 8 * 21 times: a missing bucket would look like a hang.
# Argo 4 knows the list `schedules` alone (3.6 was the first): what `@schedule` says, Metaflow would
# write where it is not read, and no run would ever start.
ALWAYS: Mapping[str, Any] = {
    "METAFLOW_DEFAULT_DATASTORE": "s3",
    "METAFLOW_DEFAULT_METADATA": "local",
    "METAFLOW_ARGO_WORKFLOWS_USE_SCHEDULES": True,
    "METAFLOW_KUBERNETES_CPU": "0.5",
    "METAFLOW_KUBERNETES_MEMORY": "1000",
    "METAFLOW_KUBERNETES_DISK": "2000",
    "METAFLOW_S3_RETRY_COUNT": 2,
    "METAFLOW_S3_TRANSIENT_RETRY_COUNT": 3,
    "METAFLOW_S3_CLIENT_RETRY_CONFIG": {"max_attempts": 3, "mode": "standard"},
}


def profile(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of a profile's file.

    Parameters
    ----------
    values
        By the names of `SETTINGS`; an empty text is as good as none.

    Raises
    ------
    UsageError
        What is missing, and what is not what it should be; all of it in one message.
    """
    problems = []
    found: dict[str, Any] = dict(ALWAYS)
    for name, setting in SETTINGS.items():
        value = values.get(name, "") or setting.default
        pattern, words = setting.form
        if value is None:
            problems.append(f"{name} is missing: {setting.meaning}")
        elif value and not re.fullmatch(pattern, value):
            problems.append(f"{name} {value!r} is not {words}")
        elif value:
            found.update(dict.fromkeys(setting.names, value))
            if name == "bucket":
                found["METAFLOW_DATASTORE_SYSROOT_S3"] = f"s3://{value}/metaflow"
    if problems:
        raise UsageError("\n".join(problems), "docs/metaflow.md has an example")
    return found


def write_profile(name: str, values: Mapping[str, str], home: Path) -> Path:
    """Write a profile where Metaflow looks for it, whole or not at all.

    Raises
    ------
    UsageError
        The values, or the profile's name, are not right.
    """
    if not re.fullmatch("[A-Za-z0-9_-]+", name):
        raise UsageError(f"profile {name!r} is not letters, digits, dashes", "name it otherwise")
    content = json.dumps(profile(values), indent=4, sort_keys=True) + "\n"
    home.mkdir(parents=True, exist_ok=True)
    file = home / f"config_{name}.json"
    write_whole(file, content, home)
    return file


def main(argv: Sequence[str]) -> int:
    """Write a profile by the words of a command line; 2 if they are not right."""
    parser = argparse.ArgumentParser(
        prog="python -m dvc_bridge.metaflow.profile",
        description=(
            "Write Metaflow's settings for a cluster into METAFLOW_HOME (~/.metaflowconfig)."
        ),
    )
    parser.add_argument("--profile", default="cluster", help="its name; default: cluster")
    for name, setting in SETTINGS.items():
        said = {None: "", "": "; may be left out"}.get(setting.default, "; default: default")
        parser.add_argument(f"--{name}", default="", help=setting.meaning + said)
    values = {key.replace("_", "-"): value for key, value in vars(parser.parse_args(argv)).items()}
    home = Path(os.environ.get("METAFLOW_HOME") or "~/.metaflowconfig").expanduser()
    name = values.pop("profile")
    try:
        file = write_profile(name, values, home)
    except BridgeError as error:
        print(f"metaflow-config: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{file}\nnext: export METAFLOW_PROFILE={name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
