"""Write Metaflow's settings for a cluster in the format of `metaflow configure`.

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
    """One setting of a profile.

    Parameters
    ----------
    default
        None if the setting is required; empty if it is optional.
    form
        The valid values, as a regular expression and as text.
    """

    names: tuple[str, ...]
    default: str | None
    form: tuple[str, str]
    meaning: str


_NAME = (f"{_LABEL}([.]{_LABEL})*", "lowercase letters, digits, dashes and dots")
SETTINGS = {
    "bucket": Setting(
        (),
        None,
        (
            r"(?!.*[.]{2})[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*",
            "a bucket name without s3://, optionally with a folder: my-bucket/team",
        ),
        "the S3 bucket for Metaflow's code packages, artifacts and logs",
    ),
    "endpoint": Setting(
        ("METAFLOW_S3_ENDPOINT_URL",),
        "",
        (r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?", "https://host or http://host:port"),
        "the S3 server, if not Amazon's; the address must work for you and for pods",
    ),
    "namespace": Setting(
        ("METAFLOW_KUBERNETES_NAMESPACE",),
        "default",
        (_LABEL, "lowercase letters, digits and dashes, at most 63"),
        "the Kubernetes namespace of the pods",
    ),
    "image": Setting(
        ("METAFLOW_KUBERNETES_CONTAINER_IMAGE",),
        None,
        (r"[a-z0-9][A-Za-z0-9._/:@-]*", "registry/name:tag"),
        "an image with Python and the packages that steps import (here: the Dockerfile)",
    ),
    "pull-policy": Setting(
        ("METAFLOW_KUBERNETES_IMAGE_PULL_POLICY",),
        "",
        ("Always|IfNotPresent|Never", "Always, IfNotPresent or Never"),
        "when nodes pull the image",
    ),
    "secret": Setting(
        ("METAFLOW_KUBERNETES_SECRETS",),
        "",
        (f"{_NAME[0]}(,{_NAME[0]})*", f"{_NAME[1]}; separate several with commas"),
        "Secrets with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; not needed if pods have a role",
    ),
    "service-account": Setting(
        ("METAFLOW_KUBERNETES_SERVICE_ACCOUNT",),
        "",
        _NAME,
        "the pods' service account; Argo needs one with the rights of docs/argo-rbac.yaml",
    ),
}
# CPU, MEMORY, DISK: requests of steps that set none; Metaflow's default of 4 GB fits few nodes.
# RETRY: Metaflow tries a failed call 8 * 21 times, so that a missing bucket would look like a hang.
# SCHEDULES: Argo 4 reads only the list `schedules` (available since 3.6). Metaflow would write the
# value of `@schedule` to a field that Argo 4 does not read, and no run would ever start.
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
    """Return the settings of a profile.

    Parameters
    ----------
    values
        The values by the names of `SETTINGS`; an empty text counts as missing.

    Raises
    ------
    UsageError
        Settings are missing or invalid; one message lists all of them.
    """
    problems = []
    settings: dict[str, Any] = dict(ALWAYS)
    for name, setting in SETTINGS.items():
        value = values.get(name, "") or setting.default
        pattern, form = setting.form
        if value is None:
            problems.append(f"{name} is missing: {setting.meaning}")
        elif value and not re.fullmatch(pattern, value):
            problems.append(f"{name} {value!r} is not valid: use {form}")
        elif value:
            settings.update(dict.fromkeys(setting.names, value))
            if name == "bucket":
                settings["METAFLOW_DATASTORE_SYSROOT_S3"] = f"s3://{value}/metaflow"
    if problems:
        raise UsageError("\n".join(problems), "see the example in docs/metaflow.md")
    return settings


def write_profile(name: str, values: Mapping[str, str], home: Path) -> Path:
    """Write a profile atomically to the folder where Metaflow looks for it.

    Raises
    ------
    UsageError
        The values or the profile's name are not valid.
    """
    if not re.fullmatch("[A-Za-z0-9_-]+", name):
        raise UsageError(f"profile name {name!r} is not valid", "use only letters, digits, - and _")
    content = json.dumps(profile(values), indent=4, sort_keys=True) + "\n"
    home.mkdir(parents=True, exist_ok=True)
    file = home / f"config_{name}.json"
    write_whole(file, content, home)
    return file


def main(argv: Sequence[str]) -> int:
    """Write a profile from command-line arguments; return 2 if they are not valid."""
    parser = argparse.ArgumentParser(
        prog="python -m dvc_bridge.metaflow.profile",
        description=(
            "Write Metaflow's settings for a cluster into METAFLOW_HOME (~/.metaflowconfig)."
        ),
    )
    parser.add_argument("--profile", default="cluster", help="the profile's name; default: cluster")
    for name, setting in SETTINGS.items():
        suffix = {None: "", "": "; optional"}.get(setting.default, "; default: default")
        parser.add_argument(f"--{name}", default="", help=setting.meaning + suffix)
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
