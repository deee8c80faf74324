"""Types of the server's arrays, beyond those of `flows.features.arrays`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# The codes of flights, shape (n, 3): carrier, origin and destination.
Codes = npt.NDArray[np.object_]
