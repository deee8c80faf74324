"""The keys of dvc-bridge.yaml: what each holds and means.

The parser, the JSON schema and docs/settings.md follow these tables. A new key is a line here and a
field of the settings that it ends up in (`project_settings`, `task_settings`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dvc_bridge.pipeline import slurm_values
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.pod_values import (
    ANNOTATIONS,
    ENV,
    GPU,
    GROWTH,
    LABELS,
    MEMORIES,
    STRUCTURE,
    TIMEOUTS,
    VOLUMES,
)
from dvc_bridge.pipeline.price_values import LABEL, PRICE
from dvc_bridge.pipeline.setting_mappings import LIMITS, REMOTES, SECRET_FILES, TEXTS, TOLERATIONS
from dvc_bridge.pipeline.setting_values import (
    DURATION,
    IMAGE,
    NAME,
    NAMES,
    QUANTITY,
    InvalidValueError,
    Value,
    anchored,
    at_least,
    one_of,
    words,
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a section.

    Parameters
    ----------
    meaning
        What it means, as a clause of Markdown.
    default
        The value if the key is missing, as Markdown; empty: there is none to speak of.
    is_older
        Whether it is an older name of a key at the top of the file, which stays readable.
    """

    name: str
    value: Value
    meaning: str
    default: str = ""
    is_older: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping of the file.

    Parameters
    ----------
    name
        Its key at the top of the file; empty for the top itself.
    has_globs
        Whether the section maps globs over stages to mappings with these keys.
    """

    name: str
    keys: tuple[Key, ...]
    meaning: str
    has_globs: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the keys."""
        return tuple(key.name for key in self.keys)


def _read_user(value: object) -> int | None:
    return None if value == "any" else at_least(1).read(value)


def _read_engine(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidValueError("the name of an engine")
    return value


def _read_timezone(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(_ZONE, value):
        raise InvalidValueError("the name of a time zone such as Europe/Berlin")
    return value


_ZONE = r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*"
_TIMEZONE = Value(
    _read_timezone,
    {"type": "string", "pattern": anchored(_ZONE)},
    "a time zone such as `Europe/Berlin`",
)
_ENGINE = Value(_read_engine, {"type": "string"}, "the name of an engine")
_USER = Value(_read_user, {"anyOf": [at_least(1).schema, {"const": "any"}]}, "a number, or `any`")
_FUSE = one_of([fuse.value for fuse in Fuse], Fuse)
_CONCURRENCY = one_of(["Forbid", "Allow", "Replace"])
_PULL = one_of(["Always", "IfNotPresent", "Never"])

# Settings of every engine; `argo: {image: ...}` and so on are older names of the same settings.
NEUTRAL = (
    Key(
        "image",
        IMAGE,
        "the image of every task; [worker processes](processes.md) and [SLURM jobs](slurm.md) have"
        " none",
    ),
    Key(
        "secrets",
        NAMES,
        "Secrets whose keys become environment variables of every task",
    ),
    Key("fuse", _FUSE, "how stages are grouped into tasks", "`auto`"),
)
TOP = Section(
    "",
    (
        Key("engine", _ENGINE, "what runs the tasks of `submit`", "`argo`"),
        *NEUTRAL,
        Key("jobs", at_least(1), "how many stages `repro` runs at a time without `-j`", "1"),
        Key(
            "limits",
            LIMITS,
            "how many of the stages of a glob may run at a time, here and in tasks"
            " ([limits](local.md#stages-that-must-not-run-at-the-same-time))",
        ),
    ),
    "Settings of every engine.",
)
TASK_KEYS = (
    Key("image", IMAGE, "the image of the stage's task", "`image` at the top of the file"),
    Key("cpu", QUANTITY, "request; a pod without requests runs two stages at a time"),
    Key(
        "memory",
        MEMORIES,
        "request and limit; with a list, each attempt gets the next one, and `auto` follows earlier"
        " runs ([memory](#memory))",
    ),
    Key("memory_growth", GROWTH, "the factor by which each attempt gets more memory"),
    Key("memory_max", QUANTITY, "the largest memory that `memory_growth` reaches"),
    Key(
        "gpu",
        GPU,
        "the number of GPUs, or of another resource for which pods ask by name",
        "0; a number means `nvidia.com/gpu`",
    ),
    Key(
        "timeout",
        TIMEOUTS,
        "how long the stage may take in a pod; with a list, an attempt after a timeout gets the"
        " next one",
    ),
    Key(
        "retries",
        at_least(0),
        "how often a lost pod or a storage fault is retried; a failing command is never retried",
        "2",
    ),
    Key("node_selector", TEXTS, "labels of the nodes on which the pod may run"),
    Key("tolerations", TOLERATIONS, "which taints the pod tolerates"),
    Key(
        "secret_env",
        NAMES,
        "Secrets whose keys become environment variables, in addition to `secrets`",
    ),
    Key("slurm", slurm_values.OWN, "the stage's own settings of [SLURM](slurm.md#settings)"),
)
# Only pods of Kubernetes have these; each is a field of `PodSettings`.
POD_KEYS = (
    Key("labels", LABELS, "labels of the pod, such as the queue of Kueue or a cost centre"),
    Key("annotations", ANNOTATIONS, "annotations of the pod"),
    Key(
        "image_pull_secrets",
        NAMES,
        "Secrets with which nodes pull the image, in addition to `argo.image_pull_secrets`",
    ),
    Key(
        "service_account",
        NAME,
        "the account of the pod, for the identity that a cloud gives it; Argo's own containers"
        " keep `argo.service_account`",
        "`argo.service_account`",
    ),
    Key("priority_class", NAME, "the PriorityClass of the pod"),
    Key("affinity", STRUCTURE, "rules for nodes and for other pods, as `affinity` of a pod"),
    Key("env", ENV, "environment variables; they are no place for secrets"),
    Key("env_from", NAMES, "ConfigMaps whose keys become environment variables"),
    Key(
        "secret_files",
        SECRET_FILES,
        "Secrets whose keys become files, in addition to `argo.secret_files`",
    ),
    Key("volumes", VOLUMES, "further volumes of the pod"),
    Key("cpu_limit", QUANTITY, "limit", "none: any pod may use idle CPUs"),
    Key("memory_limit", QUANTITY, "limit, if it differs from the request", "`memory`"),
    Key(
        "ephemeral_storage",
        QUANTITY,
        "request and limit of the node's disk, which holds the workspace of the pod",
    ),
    Key(
        "pending_timeout",
        DURATION,
        "how long the pod may wait for its start; needs Argo 4.1 or later, and `retries: 0`",
    ),
    Key(
        "pod_patch",
        STRUCTURE,
        "everything else: a strategic merge patch of the pod's specification, Argo's"
        " `podSpecPatch` (the stage's container is `main`)",
    ),
)
STAGES = Section(
    "stages",
    (
        Key("mutex", words("word"), "of the stages with this word, one runs at a time"),
        *TASK_KEYS,
        *POD_KEYS,
    ),
    "Keys are globs over stage names. If several globs match a stage, the later one wins, key by"
    ' key; of `labels`, `annotations`, `env`, `secret_files` and `volumes`, entry by entry. `"*"`'
    " is for all stages. A glob that matches no stage is refused. Stages share a pod only if all of"
    " these keys except `mutex` are equal.",
    has_globs=True,
)
ARGO = Section(
    "argo",
    (
        *(Key(key.name, key.value, key.meaning, key.default, is_older=True) for key in NEUTRAL),
        Key(
            "worker_image",
            IMAGE,
            "an image that brings dvc-bridge and its Python into every pod; images of stages then"
            " need only a shell",
        ),
        Key("image_pull_policy", _PULL, "when nodes pull the images", "the cluster's"),
        Key("namespace", NAME, "the namespace of the Workflows", "that of the kubeconfig"),
        Key(
            "service_account",
            NAME,
            "the account whose token Argo's own containers use",
            "`dvc-bridge`",
        ),
        Key("secret_files", SECRET_FILES, "Secrets whose keys become files in every pod"),
        Key("image_pull_secrets", NAMES, "Secrets with which nodes pull all images"),
        Key(
            "executor_cpu",
            QUANTITY,
            "request and limit of Argo's own containers, for a quota that demands them",
            "the controller's settings",
        ),
        Key(
            "executor_memory",
            QUANTITY,
            "request and limit of Argo's own containers; they need about 64Mi",
            "the controller's settings",
        ),
        Key(
            "timezone",
            _TIMEZONE,
            "the time zone of the schedule of a CronWorkflow",
            "that of the controller",
        ),
        Key(
            "concurrency_policy",
            _CONCURRENCY,
            "what a CronWorkflow does if the last run still goes on",
            "`Forbid`",
        ),
        Key(
            "remotes",
            REMOTES,
            "options of a DVC remote that differ in pods; `''` removes an option",
        ),
        Key(
            "user",
            _USER,
            "the UID of the pods; `any` leaves the choice to the cluster",
            "10001",
        ),
        Key("parallelism", at_least(1), "how many pods may run at a time"),
    ),
    "Settings of [Argo Workflows](argo.md).",
)
PROCESSES = Section(
    "processes",
    (
        Key(
            "parallelism",
            at_least(1),
            "how many worker processes run at a time",
            "the number of CPUs",
        ),
    ),
    "Settings of [worker processes](processes.md).",
)
SLURM = Section(
    "slurm",
    (
        Key("partition", slurm_values.NAME, "the partition of the jobs", "the site's"),
        Key("account", slurm_values.NAME, "the account of the jobs", "the user's"),
        Key("qos", slurm_values.NAME, "the quality of service of the jobs", "the site's"),
        Key("constraint", slurm_values.CONSTRAINT, "features that nodes must have"),
        Key("reservation", slurm_values.NAME, "the reservation in which jobs run"),
        Key("gres", slurm_values.NAME, "how the site calls its GPUs, such as `gpu:a100`", "`gpu`"),
        Key("extra", slurm_values.EXTRA, "more options for `sbatch`, such as `--exclude=node7`"),
        Key(
            "setup",
            slurm_values.LINES,
            "what a job runs before its worker, such as `module load python`",
        ),
        Key(
            "python",
            slurm_values.PROGRAM,
            "the interpreter of the workers",
            "the one that runs `submit`",
        ),
        Key(
            "work_dir",
            slurm_values.FOLDER,
            "where workers work",
            "`$SLURM_TMPDIR`, `$TMPDIR` or `/tmp`",
        ),
        Key(
            "container",
            slurm_values.COMMAND,
            "what runs the worker in a container, such as `apptainer exec --nv /shared/image.sif`",
        ),
    ),
    "Settings of [SLURM](slurm.md).",
)
SNAPSHOT = Section(
    "snapshot",
    (
        Key(
            "allow",
            words("path"),
            "globs, from the root of the git repository, over files that look like secrets and are"
            " sent anyway",
        ),
    ),
    "What a remote run sends.",
)
PRICES = Section(
    "prices",
    (
        Key("currency", LABEL, "a label for amounts, such as `EUR`"),
        Key("cpu_hour", PRICE, "a CPU for an hour"),
        Key("gb_hour", PRICE, "a GB (10^9 bytes) of memory for an hour"),
        Key("gpu_hour", PRICE, "a GPU for an hour"),
        Key("gb_moved", PRICE, "a GB that workers download from and upload to the DVC remotes"),
        Key("request", PRICE, "a request to the remote; no run counts them yet"),
    ),
    "What a unit costs, for [reports](report.md#cost).",
)
# The sections in the order of the documentation.
SECTIONS = (STAGES, ARGO, PROCESSES, SLURM, SNAPSHOT, PRICES)
