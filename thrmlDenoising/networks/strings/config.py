"""The hyperparameters of a network on strings, and what they come to for strings of a grammar."""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from thrmlDenoising.config import Must, Section
from thrmlDenoising.networks.config import Channels, Few

FilterSize = Annotated[int, Must("from 2 to 64", lambda n: 2 <= n <= 64)]

OVERLAPPING_FILTER = 3
"""Tokens that a filter of a U-Net sees by default: one on each side."""


class Plan(NamedTuple):
    """What bodies of networks are built from.

    Attributes:
        n_tokens: of a string.
        width: channels of every layer.
        depth: how often a string is shortened; of an MLP the hidden layers.
        filter_size: how many tokens, or nodes, a filter sees.
        stride: how many times shorter a string is after each time.
    """

    n_tokens: int
    width: int
    depth: int
    filter_size: int
    stride: int


@dataclass(frozen=True)
class StringNetworkConfig(Section, name="network"):
    """The neural network on strings: its kind and its size."""

    kind: Literal["tree", "unet", "mlp"] = "tree"
    """tree: of the tree's shape, blind to time; unet: filters overlap; mlp: the string as one."""
    width: Channels = 128
    """Channels of every layer; published results are for 1024, which is 64 times the work."""
    depth: Few | None = None
    """How often a string is shortened, or layers of an MLP; None: the layers of the grammar."""
    filter_size: FilterSize | None = None
    """Tokens that a filter sees; None: the tuple size in a tree, 3 in a U-Net."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """In which is computed; parameters and norms are float32 in any case."""

    def check_together(self) -> None:
        """Only networks with filters have a filter size."""
        if self.kind == "mlp" and self.filter_size is not None:
            raise ValueError(
                f"network.filter_size is {self.filter_size}, but a network of kind 'mlp' has no "
                "filters: leave filter_size at None, or use kind 'tree' or 'unet'"
            )

    def plan(self, tuple_size: int, n_layers: int) -> Plan:
        """The network for strings of tuple_size**n_layers tokens.

        Args:
            tuple_size: how many symbols a rule makes of one.
            n_layers: how often rules are applied.

        Raises:
            ValueError: there is no such grammar, or its strings cannot be shortened as often.
        """
        if tuple_size < 2 or n_layers < 1:
            raise ValueError(
                f"strings of a grammar have tuples of at least 2 and at least 1 layer, not "
                f"tuple_size={tuple_size} and n_layers={n_layers}"
            )
        overlapping = self.kind == "unet"
        filter_size = self.filter_size or (OVERLAPPING_FILTER if overlapping else tuple_size)
        plan = Plan(
            n_tokens=tuple_size**n_layers,
            width=self.width,
            depth=self.depth or n_layers,
            filter_size=filter_size,
            stride=tuple_size if overlapping else filter_size,
        )
        if self.kind != "mlp":
            _check_shortening(plan, self.kind)
        return plan


def _check_shortening(plan: Plan, kind: str) -> None:
    """Checks that the string can be shortened as often as planned."""
    if plan.n_tokens % plan.stride**plan.depth == 0:
        return
    most = 0
    while plan.n_tokens % plan.stride ** (most + 1) == 0:
        most += 1
    advice = (
        f"use network.depth of at most {most}, or None"
        if most
        else "leave network.filter_size at None, which takes that of the grammar"
    )
    raise ValueError(
        f"strings of {plan.n_tokens} tokens cannot be shortened {plan.depth} times to a "
        f"{plan.stride}th, as a network of kind {kind!r} does it: {plan.stride}**{plan.depth} has "
        f"to divide the number of tokens; {advice}"
    )
