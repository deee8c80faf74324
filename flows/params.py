"""params.yaml as typed values; wrong types, unknown names and values out of range are errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from .errors import StageError

Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Name = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Candidate = Literal["hgb", "logistic", "rate_table"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Ingest(_Section):
    """The source of the data, and the sha256 of each of its files."""

    package: Name
    version: Name
    last_month: Month
    sha256: dict[str, Sha256]


class Features(_Section):
    """What is known at prediction time, which is at least two hours before departure."""

    lead_min: int = Field(ge=120, le=1440)
    weather_lag_h: int = Field(ge=3, le=24)
    history_lag_d: int = Field(ge=2, le=30)
    prior_flights: int = Field(ge=1, le=10_000)


class Windows(_Section):
    """Months of training, validation and test, in this order and without overlap."""

    valid_first: Month
    test_first: Month
    test_last: Month

    @model_validator(mode="after")
    def _check_order(self) -> Windows:
        if not self.valid_first < self.test_first <= self.test_last:
            raise ValueError(
                f"must be in time order: valid_first {self.valid_first} < test_first"
                f" {self.test_first} <= test_last {self.test_last}"
            )
        return self


class Hgb(_Section):
    """Histogram gradient boosting."""

    iterations: int = Field(ge=1, le=2000)
    learning_rate: float = Field(gt=0, le=1)
    leaves: int = Field(ge=2, le=255)
    bins: int = Field(ge=2, le=255)
    min_leaf_flights: int = Field(ge=1, le=10_000_000)
    l2: float = Field(ge=0)
    feature_share: float = Field(gt=0, le=1)
    seed: int = Field(ge=0, lt=2**32)


class Logistic(_Section):
    """Logistic regression; `c` is the inverse of the regularization strength."""

    c: float = Field(ge=1e-6, le=1e3)


class RateTable(_Section):
    """Smoothed share of disrupted flights by carrier, origin and hour: the baseline."""

    prior_flights: int = Field(ge=1, le=10_000)


class Models(_Section):
    """Settings of each candidate."""

    hgb: Hgb
    logistic: Logistic
    rate_table: RateTable


def _check_time_order(months: list[str]) -> list[str]:
    if months != sorted(set(months)):
        raise ValueError("must be in time order and contain each month once")
    return months


class Backtest(_Section):
    """Months, each of which is predicted from all earlier months."""

    months: Annotated[list[Month], Field(min_length=1), AfterValidator(_check_time_order)]


class Gate(_Section):
    """Limits for the selected model, relative to the rate table on the same flights."""

    max_log_loss_ratio: float = Field(gt=0, le=1)
    min_auc_gain: float = Field(ge=0, le=0.5)
    max_ece: float = Field(gt=0, le=1)
    max_auc: float = Field(gt=0.5, le=0.85)


class Evaluate(_Section):
    """Bootstrap and gate."""

    bootstrap_draws: int = Field(ge=100, le=100_000)
    seed: int = Field(ge=0, lt=2**32)
    gate: Gate


class Export(_Section):
    """The parity gate: the largest difference between probabilities of ONNX and scikit-learn."""

    max_difference: float = Field(gt=0, le=1e-5)


def _check_baseline(candidates: list[Candidate]) -> list[Candidate]:
    if "rate_table" not in candidates or len(set(candidates)) < len(candidates):
        raise ValueError("must contain rate_table, and no candidate twice")
    return candidates


class Params(_Section):
    """The contents of params.yaml."""

    ingest: Ingest
    features: Features
    windows: Windows
    candidates: Annotated[list[Candidate], AfterValidator(_check_baseline)]
    models: Models
    backtest: Backtest
    evaluate: Evaluate
    export: Export


def parse_params(values: Mapping[str, Any], file_name: str = "params.yaml") -> Params:
    """Return `values`, the contents of `file_name`, as typed parameters.

    Raises
    ------
    StageError
        One problem per wrong parameter: its dotted name, its value and what is allowed.
    """
    try:
        return Params.model_validate(dict(values))
    except ValidationError as error:
        problems = [
            f"{file_name}: parameter {'.'.join(map(str, e['loc'])) or '(file)'}"
            f" = {e['input']!r:.80}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        ]
        raise StageError(problems, f"correct {file_name}") from None


def read_params(path: Path) -> Params:
    """Read and check the YAML file `path`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        fix = "run the command in the project's folder"
        raise StageError([f"{path.name}: {error.strerror}"], fix) from None
    return parse_params(parse_yaml(content, path.name), path.name)


def parse_yaml(content: bytes | str, file_name: str = "params.yaml") -> dict[str, Any]:
    """Parse a YAML mapping as DVC does: YAML 1.2, in which `060` is 60, encoded in UTF-8.

    If the values differed from DVC's, DVC would record a result with parameters that did not
    produce it.

    Raises
    ------
    StageError
        The content is not YAML, is not a mapping, or contains a key twice; names the line.
    """
    try:
        text = content if isinstance(content, str) else content.decode()
        values = YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = f"{file_name} is not YAML: {error.problem}{line}"
        raise StageError([problem], f"correct {file_name}") from None
    except (YAMLError, ValueError, LookupError, RecursionError) as error:
        raise StageError([f"{file_name} is not YAML: {error}"], f"correct {file_name}") from None
    if not isinstance(values, dict):
        raise StageError([f"{file_name} is not a mapping"], f"correct {file_name}")
    return values
