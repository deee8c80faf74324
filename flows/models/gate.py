"""The gate: limits that the selected model must meet on the test months before it is exported."""

from __future__ import annotations

from flows.errors import GateError
from flows.params import Gate

from .results import Scores


def check_gate(model: Scores, baseline: Scores, limits: Gate) -> None:
    """Raise an error unless the model is better than the baseline, calibrated, and has no leak.

    Parameters
    ----------
    model, baseline : Scores
        On the same flights.

    Raises
    ------
    GateError
        One problem per violated limit: the value, the limit and what it means.
    """
    max_loss = limits.max_log_loss_ratio * baseline["log_loss"]
    min_auc = baseline["auc"] + limits.min_auc_gain
    problems = []
    if model["log_loss"] > max_loss:
        problems.append(
            f"log loss {model['log_loss']:.4f} > {max_loss:.4f}:"
            f" not better than {limits.max_log_loss_ratio} x the rate table's"
        )
    if model["auc"] < min_auc:
        problems.append(
            f"AUC {model['auc']:.4f} < {min_auc:.4f}:"
            f" not {limits.min_auc_gain} above the rate table's"
        )
    if model["ece"] > limits.max_ece:
        problems.append(
            f"ECE {model['ece']:.4f} > {limits.max_ece}: the probabilities are not calibrated"
        )
    if model["auc"] > limits.max_auc:
        problems.append(
            f"AUC {model['auc']:.4f} > {limits.max_auc}:"
            " too good to be true, a feature contains the outcome"
        )
    if problems:
        fix = "inspect models/evaluation; the model is not exported"
        raise GateError([f"gate: {problem}" for problem in problems], fix)
