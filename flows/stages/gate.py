"""The gate: what the selected model must reach on the test months before it is exported."""

from __future__ import annotations

from .errors import GateError
from .params import Gate
from .results import Scores


def hold_gate(model: Scores, baseline: Scores, limits: Gate) -> None:
    """Refuse a model that is no better than the baseline, badly calibrated, or has seen the answer.

    Parameters
    ----------
    model, baseline : Scores
        Of the same flights.

    Raises
    ------
    GateError
        With every limit that does not hold: the figure, the limit and what it means.
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
        problems.append(f"ECE {model['ece']:.4f} > {limits.max_ece}: the probabilities are off")
    if model["auc"] > limits.max_auc:
        problems.append(
            f"AUC {model['auc']:.4f} > {limits.max_auc}:"
            " too good to be true, a feature knows the outcome"
        )
    if problems:
        fix = "look at models/evaluation; the model is not exported"
        raise GateError([f"gate: {problem}" for problem in problems], fix)
