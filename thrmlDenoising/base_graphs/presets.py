"""Lattices by name: `side_degree`, `side_degree_paper` and `side_degree_jumps`."""

from functools import cache
from typing import NamedTuple

from thrmlDenoising.base_graphs.lattice import Rule

# dtm-replication's connection tables; a preset of degree d takes the first d / 4 rules.
_SHORT_RANGE: tuple[Rule, ...] = (
    (0, 1), (4, 1), (10, 9), (11, 14), (23, 6), (3, 28), (6, 33), (20, 35),
)  # fmt: skip
_LONG_RANGE: tuple[Rule, ...] = (
    (0, 1), (6, 1), (12, 5), (11, 14), (23, 6), (3, 28), (6, 33), (20, 35), (34, 29), (47, 20),
    (4, 5), (2, 9), (1, 14), (17, 8), (8, 21), (11, 26), (21, 24), (31, 18), (23, 34),
)  # fmt: skip
_SIDES = (44, 50, 60, 70, 80, 90)
_PRESETS: dict[tuple[int, int], tuple[Rule, ...]] = {
    **{(side, 4): _SHORT_RANGE for side in (3, 4, 6)},
    **{(side, 8): _SHORT_RANGE for side in (8, 20, 42)},
    **{(side, degree): _SHORT_RANGE for side in _SIDES for degree in (8, 12, 16, 20)},
    (70, 24): _SHORT_RANGE,
    (60, 32): _SHORT_RANGE,
    **{(70, degree): _LONG_RANGE for degree in (36, 52)},
    **{(60, degree): _LONG_RANGE for degree in (40, 44)},
    **{(80, degree): _LONG_RANGE for degree in (24, 36, 48, 60)},
    **{(100, degree): _LONG_RANGE for degree in (40, 60, 76)},
    (120, 36): _LONG_RANGE,
    # Of these dtm-replication has the convolved ones alone, such as 60_24_1.
    (60, 24): _LONG_RANGE,
    **{(90, degree): _LONG_RANGE for degree in (36, 44)},
    (108, 60): _LONG_RANGE,
    **{(120, degree): _LONG_RANGE for degree in (24, 72)},
    **{(180, degree): _LONG_RANGE for degree in (36, 72)},
    # And these are named by scripts written for it.
    **{(side, 12): _SHORT_RANGE for side in (140, 150)},
}

# The paper's own rules (arXiv 2510.23972) at the degree where they are known to differ.
_PAPER: dict[int, tuple[Rule, ...]] = {16: ((0, 1), (4, 1), (8, 7), (14, 9))}

# Between pixels of the image, the nearest first: 4, 8, 12 or 16 neighbours.
_IMAGE_JUMPS: tuple[Rule, ...] = ((0, 1), (1, 2), (2, 1), (0, 3))


class Preset(NamedTuple):
    """A named lattice: its side, its connection rules and the degree they give.

    Attributes:
        image_jumps: the rules that join pixels of the image, in presets of convolved graphs.
    """

    side: int
    rules: tuple[Rule, ...]
    degree: int
    image_jumps: tuple[Rule, ...] = ()


def parse_preset(architecture: int | str) -> Preset:
    """Looks up a preset, as the int users write (`60_12`, the same as 6012) or as text.

    `side_degree` has the connection tables of dtm-replication, `side_degree_paper` the paper's own,
    at degree 16, as text only. `side_degree_jumps` is for convolved graphs, with the first 1 to 4
    of the image jumps (0, 1), (1, 2), (2, 1), (0, 3).

    Raises:
        ValueError: there is no such preset.

    Example:
        >>> parse_preset(44_12)
        Preset(side=44, rules=((0, 1), (4, 1), (10, 9)), degree=12, image_jumps=())
        >>> parse_preset("70_36_1").image_jumps
        ((0, 1),)
    """
    presets = _all_presets()
    for name, preset in presets.items():
        if str(architecture) in (name, name.replace("_", "")):
            return preset
    raise ValueError(
        f"unknown graph preset {architecture!r}; the presets are {', '.join(preset_names())}, and "
        f"any side_degree of these with _1 to _{len(_IMAGE_JUMPS)} after it for convolved graphs. "
        "For any other lattice give graph.side and graph.connection_rules."
    )


def preset_names() -> list[str]:
    """The presets without image jumps, by side, then degree."""
    return [name for name, preset in _all_presets().items() if not preset.image_jumps]


@cache
def _all_presets() -> dict[str, Preset]:
    named: dict[str, Preset] = {}
    for (side, degree), family in sorted(_PRESETS.items()):
        preset = Preset(side, family[: degree // 4], degree)
        named[f"{side}_{degree}"] = preset
        if degree in _PAPER and side in _SIDES:
            named[f"{side}_{degree}_paper"] = preset._replace(rules=_PAPER[degree])
        for n in range(1, len(_IMAGE_JUMPS) + 1):
            named[f"{side}_{degree}_{n}"] = preset._replace(image_jumps=_IMAGE_JUMPS[:n])
    return named
