"""The structure of one Ising machine: static NumPy arrays, no parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from jaxtyping import Int, Int32
from numpy.typing import ArrayLike

from thrmlDenoising.support.hints import counted
from thrmlDenoising.support.html import table


@dataclass(frozen=True, eq=False)
class BaseGraph:
    """Nodes, edges, colours and roles; which biases and weights are tied together.

    Every array is int32. Nodes are numbered from 0. A sweep updates the colours in ascending
    order. Node i has bias number `bias_of_node[i]`, edge e has weight number
    `weight_of_edge[e]`: several nodes or edges with the same number share one parameter
    (tied trials of a grey pixel); untied graphs count up 0, 1, 2, ...

    Attributes:
        edges: undirected, each once: Int32 "edge 2".
        colors: Int32 "node".
        image_nodes: the node of every image bit, in the order of the encoding.
        label_nodes: the node of every label bit.
        bias_of_node: Int32 "node".
        weight_of_edge: Int32 "edge".

    Raises:
        ValueError: an edge joins two nodes of one colour, stands twice or names a node that
            does not exist; a node has two roles; colours or parameters are not numbered
            0, 1, 2, ...; a visible node has no edge; an array is not int32.
    """

    edges: Int32[np.ndarray, "edge 2"]
    colors: Int32[np.ndarray, " node"]
    image_nodes: Int32[np.ndarray, " image_bit"]
    label_nodes: Int32[np.ndarray, " label_bit"]
    bias_of_node: Int32[np.ndarray, " node"]
    weight_of_edge: Int32[np.ndarray, " edge"]

    def __post_init__(self) -> None:
        _check_types(self.to_arrays())
        _check_numbering("colors", self.colors, self.n_nodes)
        _check_edges(self.edges, self.colors)
        _check_numbering("bias_of_node", self.bias_of_node, self.n_nodes)
        _check_numbering("weight_of_edge", self.weight_of_edge, self.n_edges)
        _check_visible(self.visible_nodes, self.edges, self.n_nodes)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__}: {counted(self.n_nodes, 'node')} "
            f"({len(self.image_nodes):,} of the image, {len(self.label_nodes):,} of labels, "
            f"{self.n_hidden:,} hidden), {counted(self.n_edges, 'edge')}>"
        )

    def _repr_html_(self) -> str:
        sizes = {
            "nodes": self.n_nodes,
            "image nodes": len(self.image_nodes),
            "label nodes": len(self.label_nodes),
            "hidden nodes": self.n_hidden,
            "colours": self.n_colors,
            "edges": self.n_edges,
            "biases": self.n_biases,
            "weights": self.n_weights,
        }
        rows = [(name, f"{size:,}") for name, size in sizes.items()]
        return table([("", "number"), *rows], type(self).__name__)

    @classmethod
    def untied(
        cls,
        edges: Int[np.ndarray, "edge 2"] | Sequence[Sequence[int]],
        colors: Int[np.ndarray, " node"] | Sequence[int],
        image_nodes: Int[np.ndarray, " image_bit"] | Sequence[int],
        label_nodes: Int[np.ndarray, " label_bit"] | Sequence[int],
    ) -> Self:
        """A graph in which every node and every edge has a parameter of its own.

        Takes sequences and arrays of any integers.
        """
        edges, colors, image_nodes, label_nodes = map(
            _as_int32, (edges, colors, image_nodes, label_nodes)
        )
        own_bias = np.arange(len(colors), dtype=np.int32)
        own_weight = np.arange(len(edges), dtype=np.int32)
        return cls(edges, colors, image_nodes, label_nodes, own_bias, own_weight)

    @property
    def n_nodes(self) -> int:
        """How many spins there are, visible and hidden."""
        return len(self.colors)

    @property
    def n_hidden(self) -> int:
        """How many nodes are neither of the image nor of labels."""
        return self.n_nodes - len(self.image_nodes) - len(self.label_nodes)

    @property
    def n_edges(self) -> int:
        """How many undirected edges there are."""
        return len(self.edges)

    @property
    def n_colors(self) -> int:
        """How many groups of nodes a sweep updates one after another."""
        return int(self.colors.max()) + 1

    @property
    def n_biases(self) -> int:
        """How many biases are trained."""
        return int(self.bias_of_node.max(initial=-1)) + 1

    @property
    def n_weights(self) -> int:
        """How many weights are trained."""
        return int(self.weight_of_edge.max(initial=-1)) + 1

    @property
    def visible_nodes(self) -> Int32[np.ndarray, " visible"]:
        """Image nodes, then label nodes: the order of all visible arrays in the library."""
        return np.concatenate([self.image_nodes, self.label_nodes])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, to be saved."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The inverse of `to_arrays`.

        Raises:
            ValueError: an array is missing.
        """
        missing = [field.name for field in fields(cls) if field.name not in arrays]
        if missing:
            raise ValueError(f"a saved graph lacks the arrays {missing}: it is not one of ours")
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})


def _as_int32(numbers: ArrayLike) -> np.ndarray:
    """Integers as int32; whatever is none is left to be refused."""
    array = np.asarray(numbers)
    is_empty_list = not array.size and array.ndim == 1
    integers = is_empty_list or np.issubdtype(array.dtype, np.integer)
    return array.astype(np.int32) if integers else array


def _check_types(arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        if array.dtype != np.int32:
            raise ValueError(f"{name} has dtype {array.dtype}: use int32")
        if array.ndim != 1 and name != "edges":
            raise ValueError(f"{name} has shape {array.shape}: one number for each is needed")
    if not len(arrays["colors"]):
        raise ValueError("a graph needs at least one node")


def _check_edges(edges: np.ndarray, colors: np.ndarray) -> None:
    if edges.ndim != 2 or edges.shape[1] != 2:
        raise ValueError(
            f"edges have shape {edges.shape}: they must be pairs, (number of edges, 2)"
        )
    outside = edges[(edges < 0).any(axis=1) | (edges >= len(colors)).any(axis=1)]
    if len(outside):
        raise ValueError(
            f"edge {tuple(outside[0].tolist())} names a node outside 0..{len(colors) - 1}"
        )
    same = edges[colors[edges[:, 0]] == colors[edges[:, 1]]]
    if len(same):
        raise ValueError(
            f"edge {tuple(same[0].tolist())} joins two nodes of colour {colors[same[0][0]]} "
            f"({len(same)} such edges): nodes of a colour are updated at once, so no edge may "
            "lie inside a colour"
        )
    # As one number an edge is sorted many times faster than as two; int64 holds all of them.
    numbers = edges.min(axis=1).astype(np.int64) * len(colors) + edges.max(axis=1)
    if len(np.unique(numbers)) != len(edges):
        raise ValueError("an edge stands twice: list each undirected edge once")


def _check_numbering(name: str, numbers: np.ndarray, n_expected: int) -> None:
    if len(numbers) != n_expected:
        raise ValueError(f"{name} has {len(numbers)} entries, the graph needs {n_expected}")
    used = np.unique(numbers)
    if not np.array_equal(used, np.arange(len(used))):
        raise ValueError(f"{name} must count 0, 1, 2, ... without gaps")


def _check_visible(visible: np.ndarray, edges: np.ndarray, n_nodes: int) -> None:
    if len(visible) and (visible.min() < 0 or visible.max() >= n_nodes):
        raise ValueError(f"a visible node lies outside 0..{n_nodes - 1}")
    if len(np.unique(visible)) != len(visible):
        raise ValueError("a node has two roles: every image and label bit needs its own node")
    has_edge = np.zeros(n_nodes, bool)
    has_edge[edges] = True
    lonely = np.sort(visible[~has_edge[visible]])
    if len(lonely):
        raise ValueError(
            f"visible node {lonely[0]} has no edge ({len(lonely)} such nodes): it could not "
            "learn anything about the others"
        )
