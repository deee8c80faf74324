"""What is known two hours before a departure, and the one definition of the features made of it.

`featurize` uses it on the training data and the server on requests, so it needs numpy alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .asof import Floats, Ints, signed_root
from .columns import NUMBERS, RANGES

Float32s = npt.NDArray[np.float32]


class Known(NamedTuple):
    """A number that is known: its unit and range. One that is not `required` may be missing."""

    unit: str
    meaning: str
    low: float
    high: float
    required: bool = False


# Features of the schedule, made of the two times.
_OF_TIMES = ("departure_min", "weekday", "block_min")
# Known in the unit named here; the feature is the root, with the sign kept.
_ROOT_OF = {
    "all_delay_24h": ("min", -180, 4320),
    "all_waiting_min_3h": ("min", 0, 4320),
    "carrier_origin_waiting_min_6h": ("min", 0, 4320),
    "precip": ("in", 0, 20),
    "precip_3h": ("in", 0, 80),
}
_CHANGE, _BEFORE, _NOW = "pressure_change_3h", "pressure_3h_before", "pressure"


def _known(name: str) -> Known:
    unit, meaning = NUMBERS[name]
    low, high = RANGES[unit]
    if name in _ROOT_OF:
        unit, low, high = _ROOT_OF[name]
        meaning = meaning.removesuffix(", signed root").removesuffix(", root")
    if name == _CHANGE:
        meaning = "pressure three hours before that observation"
    return Known(unit, meaning, low, high, required=name == "distance_mi")


def _name(feature: str) -> str:
    return _BEFORE if feature == _CHANGE else feature


# In the order of NUMBERS, so that what needs no arithmetic is copied as a block.
KNOWN = {_name(feature): _known(feature) for feature in NUMBERS if feature not in _OF_TIMES}

_NAMES = list(NUMBERS)
_ROOTS = np.array([_NAMES.index(name) for name in _ROOT_OF])
_AT_CHANGE, _AT_NOW = _NAMES.index(_CHANGE), _NAMES.index(_NOW)
_DAY_MIN = 24 * 60


def feature_numbers(departure: Ints, arrival: Ints, known: Floats) -> Float32s:
    """Compute the number features of flights.

    Parameters
    ----------
    departure : int64 array of shape (n,)
        Scheduled local departure, minutes since 1970-01-01 00:00 local.
    arrival : int64 array of shape (n,)
        Scheduled local arrival, minutes after midnight.
    known : float64 array of shape (n, len(KNOWN))
        A column for each of KNOWN, in its order and unit; NaN where it is not known.

    Returns
    -------
    float32 array of shape (n, len(NUMBERS))
        A column for each of `columns.NUMBERS`, in its order.
    """
    found = np.empty((len(known), len(_NAMES)), np.float64)
    found[:, 0] = departure % _DAY_MIN
    found[:, 1] = (departure // _DAY_MIN + 3) % 7
    found[:, 2] = (arrival - departure) % _DAY_MIN
    found[:, 3:] = known
    found[:, _ROOTS] = signed_root(found[:, _ROOTS])
    found[:, _AT_CHANGE] = found[:, _AT_NOW] - found[:, _AT_CHANGE]
    return found.astype(np.float32)


def known_from_features(numbers: Floats) -> Floats:
    """Undo what `feature_numbers` does to known numbers, for what is described by features.

    Parameters
    ----------
    numbers : float64 array of shape (n, len(NUMBERS))

    Returns
    -------
    float64 array of shape (n, len(KNOWN))
        Close to what was known, not equal to it: roots were rounded.
    """
    found = numbers.copy()
    found[:, _ROOTS] = np.copysign(numbers[:, _ROOTS] ** 2, numbers[:, _ROOTS])
    found[:, _AT_CHANGE] = numbers[:, _AT_NOW] - numbers[:, _AT_CHANGE]
    return found[:, len(_OF_TIMES) :]
