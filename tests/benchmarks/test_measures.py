"""What is measured besides time: parts of a run, the first metric, bytes and lines."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from benchmarks.comparison import work
from benchmarks.comparison.metric_watch import MetricWatch
from benchmarks.comparison.timeline import read_intervals, split_run
from benchmarks.comparison.toolchain import load_toolchains
from benchmarks.comparison.usage import count_lines, stored_bytes, user_lines

TOOLCHAINS = load_toolchains()


@pytest.mark.parametrize(
    ("intervals", "parts"),
    [
        ([(11.0, 12.0), (14.0, 15.0)], (3.0, 2.0, 5.0)),
        ([(11.0, 14.0), (12.0, 13.0)], (1.0, 3.0, 6.0)),  # at the same time
        ([(12.0, 16.0), (11.0, 14.0)], (1.0, 5.0, 4.0)),  # not in order
    ],
)
def test_a_run_is_split_at_its_tasks(
    intervals: list[tuple[float, float]], parts: tuple[float, float, float]
) -> None:
    split = split_run(intervals, 10.0, 20.0)
    assert (split["dispatch_s"], split["work_s"], split["bookkeeping_s"]) == parts
    assert sum(split.values()) == 10.0


def test_a_run_without_tasks_has_no_parts() -> None:
    assert split_run([], 10.0, 20.0) == {}


def test_tasks_note_when_they_worked_and_failed_ones_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(work.TASKS, str(tmp_path / "tasks"))
    before_s = time.monotonic()
    assert work.main(["spin", "1", "a.out"]) == 0
    assert work.main(["spin", "1", "b.out", "a.out"]) == 0
    assert work.main(["dance", "1", "c.out"]) == 2
    first, second = read_intervals(tmp_path / "tasks")
    assert before_s <= first[0] <= first[1] <= second[0] <= second[1] <= time.monotonic()
    assert read_intervals(tmp_path / "missing") == []


def write_later(path: Path, steps: list[str | None]) -> threading.Thread:
    """Write one text after the other, or remove the file."""

    def write() -> None:
        for text in steps:
            time.sleep(0.05)
            path.unlink() if text is None else path.write_text(text)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_new_content_of_a_metrics_file_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text('{"auc": 1}')
    with MetricWatch(path) as watch:
        start_s = time.monotonic()
        write_later(path, [None, '{"auc":', '{"auc": 2}']).join()
    assert watch.seen_s is not None
    assert watch.seen_s >= start_s + 0.15


def test_the_same_content_or_a_missing_file_is_not_new(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text('{"auc": 1}')
    with MetricWatch(path) as watch:
        write_later(path, [None, '{"auc": 1}', None]).join()
    assert watch.seen_s is None


def test_hard_links_are_stored_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(os.urandom(1 << 20))
    one = stored_bytes([tmp_path])
    (tmp_path / "link").hardlink_to(tmp_path / "a" / "file")
    assert stored_bytes([tmp_path, tmp_path / "missing"]) == one
    (tmp_path / "copy").write_bytes((tmp_path / "link").read_bytes())
    assert one >= 1 << 20
    assert stored_bytes([tmp_path]) == 2 * one


def test_lines_are_those_that_say_something(tmp_path: Path) -> None:
    stage = {"stages": {"a": {"cmd": "x", "deps": ["b", "c"], "outs": ["d"]}}}
    (tmp_path / "dvc.yaml").write_text(json.dumps(stage, indent=1))
    code = ['"""Say what.', "", 'More."""', "", "# A comment", "x = 1"]
    code += ["def f():", '    """Do."""', "    return x"]
    (tmp_path / "run.py").write_text("\n".join(code))
    (tmp_path / "Makefile").write_text("# rules\nall: a\n\na:\n\ttouch a\n")
    (tmp_path / "folder.py").mkdir()
    counts = {path.name: count_lines(path) for path in tmp_path.iterdir() if path.is_file()}
    assert counts == {"dvc.yaml": 5, "run.py": 3, "Makefile": 3}
    assert user_lines(tmp_path, ["dvc.yaml", "*.py", "run.py", "missing"]) == 8


def test_toolchains_say_which_files_a_user_writes() -> None:
    without = {name for name, toolchain in TOOLCHAINS.items() if not toolchain.user_files}
    runs_no_chain = {"dvc_exp_queue", "metaflow_by_hand"}
    assert not {name for name in without if not TOOLCHAINS[name].cluster} - runs_no_chain
