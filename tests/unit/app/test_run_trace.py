"""What the trace of a remote run says of the attempts of a task."""

from __future__ import annotations

from dvc_bridge.app.run_trace import _stage_trace
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result, parse_result, result_text
from dvc_bridge.pipeline.run_status import Phase, TaskStatus
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.pipeline.trace import (
    Execution,
    RunTrace,
    StageTrace,
    plain_trace,
    trace_from_plain,
)
from dvc_bridge.remote_run.worker_contract import RETRIES, attempt_number
from dvc_bridge.report.page import page
from dvc_bridge.report.values import RunReport

STAGE = Stage("dvc.yaml", "train", cmd="true")
EXECUTION = Execution(1.0, 2.0, attempt=attempt_number({RETRIES: "1"}))
RESULT = Result("train", Outcome.RAN, execution=EXECUTION)
STATUS = TaskStatus(
    TaskNumber(0), Phase.SUCCEEDED, attempts=3, retry_reasons=("pod deleted", "out of <memory>")
)


def test_the_engine_says_how_often_and_why_a_task_was_tried_again() -> None:
    trace = _stage_trace(STAGE, RESULT, STATUS)
    assert (trace.attempts, trace.retry_reasons) == (3, STATUS.retry_reasons)
    assert trace_from_plain(plain_trace(RunTrace("r", "argo", 0.0, stages=(trace,)))).stages == (
        trace,
    )
    waiting = _stage_trace(STAGE, None, STATUS)
    assert (waiting.attempts, waiting.retry_reasons) == (3, STATUS.retry_reasons)


def test_without_the_engine_the_result_of_the_worker_says_in_which_attempt_it_was() -> None:
    stored = parse_result(result_text(RESULT))
    assert _stage_trace(STAGE, stored, None).attempts == 2
    assert _stage_trace(STAGE, Result("train", Outcome.RAN), None).attempts == 0
    assert attempt_number({}) is None


def test_the_page_names_the_reasons_of_the_attempts() -> None:
    stage = StageTrace(
        "train", "ran", attempts=3, retry_reasons=STATUS.retry_reasons, task=0, execution=EXECUTION
    )
    html = page(RunReport("r", "flow", RunTrace("r", "argo", 0.0, ended=3.0, stages=(stage,))))
    assert "3 attempts: pod deleted; out of &lt;memory&gt;" in html
