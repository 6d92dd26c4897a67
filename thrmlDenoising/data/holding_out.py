"""How much of a user's own data is held out for tests."""

from numbers import Real

import numpy as np


def n_held_out(n: int, fraction: float) -> int:
    """Of `n` things; at least one is held out, and one is trained on."""
    return min(max(1, round(fraction * n)), n - 1)


def check_holding_out(of_what: str, test_fraction: float, seed: int | np.integer) -> None:
    """Checks what says which things are held out.

    Args:
        of_what: what a part of is held out, in messages.

    Raises:
        ValueError: it does not.
    """
    if not isinstance(test_fraction, Real) or not 0 < test_fraction < 1:
        raise ValueError(
            f"test_fraction={test_fraction!r}: give the part of {of_what} to hold out, above 0 "
            "and below 1"
        )
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed={seed!r}: give an integer of at least 0")
