"""What is known two hours before a departure, and the only definition of the features.

`featurize` uses it for training data and the server for requests, so it needs numpy only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .arrays import Float32s, Floats, Ints
from .columns import NUMBERS, RANGES


class Known(NamedTuple):
    """A number known at prediction time; it may be missing unless it is `required`."""

    unit: str
    meaning: str
    low: float
    high: float
    required: bool = False


# Features that are computed from the two scheduled times.
_TIME_FEATURES = ("departure_min", "weekday", "block_min")
# These features are signed roots; their inputs have the unit and range given here.
_ROOT_INPUTS = {
    "all_delay_24h": ("min", -180, 4320),
    "all_waiting_min_3h": ("min", 0, 4320),
    "carrier_origin_waiting_min_6h": ("min", 0, 4320),
    "precip": ("in", 0, 20),
    "precip_3h": ("in", 0, 80),
}
# This feature is a difference; its input is the earlier pressure.
_CHANGE, _EARLIER, _NOW = "pressure_change_3h", "pressure_3h_before", "pressure"


def _known(feature: str) -> Known:
    unit, meaning = NUMBERS[feature]
    low, high = RANGES[unit]
    if feature in _ROOT_INPUTS:
        unit, low, high = _ROOT_INPUTS[feature]
        meaning = meaning.removesuffix(", signed root").removesuffix(", root")
    if feature == _CHANGE:
        meaning = "pressure three hours before that observation"
    return Known(unit, meaning, low, high, required=feature == "distance_mi")


def _input_name(feature: str) -> str:
    return _EARLIER if feature == _CHANGE else feature


# In the order of NUMBERS, so that inputs that need no arithmetic are copied as a block.
KNOWN = {
    _input_name(feature): _known(feature) for feature in NUMBERS if feature not in _TIME_FEATURES
}

_NAMES = list(NUMBERS)
_ROOT_COLUMNS = np.array([_NAMES.index(name) for name in _ROOT_INPUTS])
_CHANGE_COLUMN, _NOW_COLUMN = _NAMES.index(_CHANGE), _NAMES.index(_NOW)
_DAY_MIN = 24 * 60


def feature_numbers(departure_min: Ints, arrival_min: Ints, known: Floats) -> Float32s:
    """Compute the features that are numbers.

    Parameters
    ----------
    departure_min : int64 array of shape (n,)
        Scheduled departure, minutes since 1970-01-01 00:00 local.
    arrival_min : int64 array of shape (n,)
        Scheduled arrival, minutes after midnight, local.
    known : float64 array of shape (n, len(KNOWN))
        One column for each of KNOWN, in its order and unit; NaN where it is missing.

    Returns
    -------
    float32 array of shape (n, len(NUMBERS))
        One column for each of `columns.NUMBERS`, in its order.
    """
    numbers = np.empty((len(known), len(_NAMES)), np.float64)
    numbers[:, 0] = departure_min % _DAY_MIN
    numbers[:, 1] = (departure_min // _DAY_MIN + 3) % 7
    numbers[:, 2] = (arrival_min - departure_min) % _DAY_MIN
    numbers[:, 3:] = known
    numbers[:, _ROOT_COLUMNS] = _signed_root(numbers[:, _ROOT_COLUMNS])
    numbers[:, _CHANGE_COLUMN] = numbers[:, _NOW_COLUMN] - numbers[:, _CHANGE_COLUMN]
    return numbers.astype(np.float32)


def known_from_features(numbers: Floats) -> Floats:
    """Return the inverse of `feature_numbers`, for statistics that exist only of features.

    Parameters
    ----------
    numbers : float64 array of shape (n, len(NUMBERS))

    Returns
    -------
    float64 array of shape (n, len(KNOWN))
        Close to the inputs but not equal, since the features are rounded to float32.
    """
    inputs = numbers.copy()
    roots = numbers[:, _ROOT_COLUMNS]
    inputs[:, _ROOT_COLUMNS] = np.copysign(roots**2, roots)
    inputs[:, _CHANGE_COLUMN] = numbers[:, _NOW_COLUMN] - numbers[:, _CHANGE_COLUMN]
    return inputs[:, len(_TIME_FEATURES) :]


def _signed_root(values: Floats) -> Floats:
    """Return the root of the absolute value, with the sign. Unlike log, it is exact everywhere."""
    return np.copysign(np.sqrt(np.abs(values)), values)
