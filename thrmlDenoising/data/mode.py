"""The word for what becomes of labels while images are generated."""

from typing import Literal

Mode = Literal["free", "clamped"]
"""Labels sampled like everything else, or fixed to the class that is wanted."""
