"""The exponent of stable laws, which data may be of, and noise."""

from thrmlDenoising.support.hints import shown

LEAST = 0.5
"""The smaller it is the more of what is drawn is beyond float32."""


def checked_alpha(alpha: float) -> float:
    """The exponent.

    Raises:
        ValueError: it is not from 0.5 to 2.
    """
    if not LEAST <= alpha <= 2:
        raise ValueError(
            f"alpha={shown(alpha)}: give a number from {LEAST} to 2; 2 is normal noise, and the "
            "smaller it is the heavier are the tails"
        )
    return float(alpha)
