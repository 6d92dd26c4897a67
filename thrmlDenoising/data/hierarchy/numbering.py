"""Numbers of strings, as long as they get: their digits, and drawing some of them."""

import operator
import random
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int

_BITS = 62
"""Of digits that are taken off a number at once: such a number fits an int64."""


def checked_numbers(indices: Iterable[int], n_strings: int) -> list[int]:
    """The same numbers, as Python's.

    Raises:
        ValueError: a number that no string has.
    """
    numbers = [operator.index(index) for index in indices]
    if wrong := [number for number in numbers if not 0 <= number < n_strings]:
        raise ValueError(
            f"string {wrong[0]}: this grammar makes {n_strings} strings, numbered 0 to "
            f"{n_strings - 1}"
        )
    return numbers


def digits(
    numbers: Sequence[int], base: int, n_digits: int
) -> tuple[Int[np.ndarray, " number"], Int[np.ndarray, "number digit"]]:
    """What is left of numbers, and their last digits, the most significant first."""
    found = np.zeros((len(numbers), n_digits), np.int64)
    if base == 1:
        return np.array(numbers, np.int64), found
    at_once = max(1, int(_BITS / np.log2(base)))
    left = np.array(numbers, dtype=object)
    for end in range(n_digits, 0, -at_once):
        start = max(0, end - at_once)
        size = base ** (end - start)
        part, left = (left % size).astype(np.int64), left // size
        for place in range(end - 1, start - 1, -1):
            found[:, place], part = part % base, part // base
    return left.astype(np.int64), found


def draw_numbers(n: int, n_strings: int, seed: int, without: Iterable[int]) -> list[int]:
    """n different numbers below `n_strings`, in no order, none of them in `without`.

    Raises:
        ValueError: there are not so many, or a number in `without` is none.
    """
    taken = set(checked_numbers(without, n_strings))
    n_left = n_strings - len(taken)
    if not 0 <= n <= n_left:
        others = f" besides the {len(taken)} that are taken" if taken else ""
        raise ValueError(
            f"{n} strings asked for, and this grammar makes {n_left}{others}: ask for 0 to {n_left}"
        )
    rng = random.Random(seed)
    if 2 * n > n_left:  # so many that there is room for a list of all
        return rng.sample([i for i in range(n_strings) if i not in taken], n)
    found: list[int] = []
    while len(found) < n:
        number = rng.randrange(n_strings)
        if number not in taken:
            taken.add(number)
            found.append(number)
    return found
