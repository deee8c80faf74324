"""The secrets of remotes for workers that run as the user, with the user's own settings of DVC."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from dvc_bridge.dvcio.project import config_as_dvc
from dvc_bridge.dvcio.remotes.config import Sections, store_settings
from dvc_bridge.pipeline.remote_secrets import SECRET
from dvc_bridge.remote_run.worker_contract import STORE, store_text


def without_secrets(sections: Sections) -> Sections:
    """Return the settings of remotes without secrets, for the record of a run."""
    return {
        name: {key: value for key, value in section.items() if key not in SECRET}
        for name, section in sections.items()
    }


def with_secrets(root: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of workers with the secrets of the remotes that it names.

    Parameters
    ----------
    root
        The folder of the project.
    variables
        The environment in the record of the run.
    """
    names = [name.split('"')[1] for name in json.loads(variables[STORE]) if '"' in name]
    return {**variables, STORE: store_text(store_settings(config_as_dvc(root), names))}
