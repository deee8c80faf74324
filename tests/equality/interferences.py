"""Hypothesis strategies for changes of other users to a project during a run."""

from __future__ import annotations

from shlex import quote

from hypothesis import strategies as st

from tests.equality.story import FOLDERS, Interference, Project

RECORDS = ("params.yaml", "dvc.yaml", "dvc.lock", ".gitignore", "sub/dvc.yaml", "sub/dvc.lock")
TOOLS = (
    "dvc status -q",
    "dvc push -q",
    "dvc checkout -q",
    "dvc gc -wfq",
    "dvc add -q added 2>&1 || { echo added > added; dvc add -q added; }",
    "git add -A && git commit -qm during",
    "git checkout -q -- .",
    "git stash -q",
    "cat dvc.lock .gitignore > read-during",
    "python -c 'import dvc.api; print(dvc.api.params_show())' > read-during",
)

CONCURRENT = (
    ("dvc", "repro", "-q"),
    ("dvc", "repro", "-fq"),
    ("dvc", "push", "-q"),
    ("dvc", "status", "-q"),
    ("dvc", "commit", "-fq"),
    ("dvc", "checkout", "-q"),
    ("dvc", "gc", "-wfq"),
    ("dvc_bridge", "repro", "-j2"),
    ("dvc_bridge", "plan"),
    ("git", "add", "-A"),
    ("git", "commit", "-aqm", "concurrent"),
    ("git", "checkout", "-q", "--", "."),
)


def interferences(project: Project, *, edits_only: bool = False) -> st.SearchStrategy[Interference]:
    """Draw a moment of a stage, and an action at that moment.

    Parameters
    ----------
    edits_only
        Draw only edits of files that no stage writes.
    """
    moments = [f"{stage.name}.{end}" for stage in project.stages for end in ("start", "end")]
    outs = [out for stage in project.stages for out in stage.outs]
    files = [name for name, _ in project.files]
    files += [f"{out.path}/a" if out.kind in FOLDERS else out.path for out in outs]
    if edits_only:
        written = st.builds(
            _written, st.sampled_from([*(name for name, _ in project.files), *RECORDS])
        )
        return st.builds(Interference, st.sampled_from(moments), written)
    nested = [f"dvc repro -q -s {quote(stage.address)}" for stage in project.stages]
    deeds = [
        st.builds(_written, st.sampled_from([*files, *RECORDS])),
        st.builds(_same_again, st.sampled_from([*files, *RECORDS])),
        st.builds(_touched, st.sampled_from([*files, *RECORDS])),
        st.builds(_removed, st.sampled_from([*files, *(out.path for out in outs), *RECORDS])),
        st.sampled_from([*TOOLS, *nested]),
    ]
    return st.builds(Interference, st.sampled_from(moments), st.one_of(deeds))


def _written(path: str) -> str:
    name = quote(path)
    return f"[ ! -e {name} ] || echo '# during' >> {name}"


def _same_again(path: str) -> str:
    name, other = quote(path), quote(f"{path}.new")
    return f"[ ! -e {name} ] || {{ cp -p {name} {other} && mv {other} {name}; }}"


def _touched(path: str) -> str:
    name = quote(path)
    return f"[ ! -e {name} ] || touch {name}"


def _removed(path: str) -> str:
    return f"rm -rf {quote(path)}"
