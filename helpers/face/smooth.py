"""A moving average that leaves straight motion as it is."""

from __future__ import annotations

import numpy as np


def moving_average(values: np.ndarray, window: int) -> np.ndarray:
    """Centred moving average along the first axis, of the values' dtype.

    At the ends the window shrinks evenly, so straight motion stays.
    """
    count = len(values)
    order = np.arange(count)
    half = np.minimum(np.minimum(order, order[::-1]), window // 2)

    zero = np.zeros((1, *values.shape[1:]))
    total = np.concatenate([zero, np.cumsum(values, axis=0, dtype=np.float64)])
    sums = total[order + half + 1] - total[order - half]
    lengths = (2 * half + 1).reshape(-1, *[1] * (values.ndim - 1))
    return (sums / lengths).astype(values.dtype)
