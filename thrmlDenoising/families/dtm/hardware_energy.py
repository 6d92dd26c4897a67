"""Joules per sample on the paper's probabilistic hardware (arXiv 2510.23972).

T steps of K sweeps over L x L cells cost

    E = T K L^2 E_cell,    E_cell = E_rng + E_bias + E_clock + E_comm

for each sample. The random bit and the communication follow from quoted numbers,

    E_comm = C V^2 / 2,    C = 4 eta l sum_k sqrt(a_k^2 + b_k^2),

but only totals of E_cell are quoted for the rest, and several that differ. What a quoted total
leaves after random bit and communication on the machine it was quoted for is bias and clock: it
belongs to a cell and stays the same on every graph, while communication goes with the wires.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from thrmlDenoising.base_graphs import BaseGraph, Lattice
from thrmlDenoising.support.hints import did_you_mean
from thrmlDenoising.support.html import paragraph, table

RNG_JOULES = 350e-18
"""E_rng: one random bit."""

FARADS_PER_MICROMETRE = 350e-18
"""eta: capacitance of a wire."""

CELL_MICROMETRES = 6.0
"""l: side of a cell."""

SIGNAL_VOLTS = 4 * 1.380649e-23 * 300 / 1.602176634e-19
"""V, four thermal voltages k T / e at 300 K, 0.103 V: an assumption of this library, not quoted."""

PAPER_LATTICE = Lattice(70, ((0, 1), (4, 1), (10, 9)), torus=True)
"""The machine that the totals are quoted for, of degree 12."""

PAPER_SWEEPS = 250
"""K, the sweeps per step, that the totals are quoted for."""

_UPDATES_PER_STEP = PAPER_SWEEPS * PAPER_LATTICE.n_nodes

QUOTED_TOTALS: dict[str, float] = {
    "text": 2.0e-15,
    "program": 1.6e-9 / _UPDATES_PER_STEP,
    # 1.961, 3.921, 7.843, 11.76 and 15.68 nJ for T = 1, 2, 4, 6, 8: no other energy per step is
    # within half a unit of the last digit of all five.
    "figure_1": 1.960625e-9 / _UPDATES_PER_STEP,
}
"""E_cell of the paper's machine in joules: from its text, from its "1.6 T nJ per program", from its
Figure 1."""


@dataclass(frozen=True)
class CellEnergy:
    """Joules that one cell takes for one update, by what takes them."""

    rng: float
    bias_and_clock: float
    communication: float

    @property
    def total(self) -> float:
        """E_cell."""
        return self.rng + self.bias_and_clock + self.communication


@dataclass(frozen=True)
class HardwareEnergy:
    """What a sample costs; `str` of it is a table that says what was assumed.

    Attributes:
        n_steps: T.
        n_sweeps: K, sweeps per step.
        n_cells: L^2; with tied trials a cell for each, so more.
        wire_length: of a node to all its neighbours, in cells; the mean over nodes and steps.
        cell: E_cell and its parts, in joules.
        e_cell: which quoted total it rests on, a name in `QUOTED_TOTALS`.
        signal_volts: V.
    """

    n_steps: int
    n_sweeps: int
    n_cells: int
    wire_length: float
    cell: CellEnergy
    e_cell: str
    signal_volts: float

    @property
    def n_updates(self) -> int:
        """T K L^2, updates of a cell per sample."""
        return self.n_steps * self.n_sweeps * self.n_cells

    @property
    def joules(self) -> float:
        """E, per sample."""
        return self.n_updates * self.cell.total

    @property
    def parts(self) -> dict[str, float]:
        """Joules per sample by what takes them; they add up to `joules`."""
        return {name: self.n_updates * energy for name, energy in vars(self.cell).items()}

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        results = {"joules": self.joules, "parts": self.parts, "assumptions": self.assumptions}
        return asdict(self) | results

    @property
    def assumptions(self) -> str:
        """Which E_cell was used, and what about it this library assumes, on a line each."""
        quoted = 1e15 * QUOTED_TOTALS[self.e_cell]
        rules = "".join(f"({a},{b})" for a, b in PAPER_LATTICE.rules)
        return (
            f'E_cell "{self.e_cell}": {quoted:.2f} fJ on the paper\'s machine '
            f"({PAPER_LATTICE.side} x {PAPER_LATTICE.side}, rules {rules}).\n"
            f"Signals of {self.signal_volts:.3f} V are this library's assumption."
        )

    @property
    def _product(self) -> str:
        cells = f"{self.n_steps} steps x {self.n_sweeps} sweeps x {self.n_cells} cells"
        return f"{self.joules:.3e} J per sample = {cells} x {1e15 * self.cell.total:.3f} fJ"

    @property
    def _rows(self) -> list[tuple[str, str, str]]:
        parts = (*vars(self.cell).items(), ("total", self.cell.total))
        return [("", "fJ per update", "J per sample")] + [
            (name.replace("_", " "), f"{1e15 * energy:.3f}", f"{self.n_updates * energy:.3e}")
            for name, energy in parts
        ]

    def __str__(self) -> str:
        rows = [f"  {name:<15}{cell:>15}{sample:>15}" for name, cell, sample in self._rows]
        return "\n".join([self._product, *rows, self.assumptions])

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._product}>"

    def _repr_html_(self) -> str:
        assumptions = "".join(map(paragraph, self.assumptions.split("\n")))
        return table(self._rows, self._product) + assumptions


def hardware_energy(
    graphs: Sequence[BaseGraph],
    lattice: Lattice,
    n_sweeps: int,
    e_cell: str = "figure_1",
    signal_volts: float = SIGNAL_VOLTS,
) -> HardwareEnergy:
    """The energy of one sample.

    Tied trials of a pixel are counted as cells, and as ends of wires, of their own.

    Args:
        graphs: the graph of every step.
        lattice: the grid the graphs' nodes stand on; its own rules are not looked at.
        n_sweeps: sweeps per step of generation.
        e_cell: the quoted total to rest on, a name in `QUOTED_TOTALS`.
        signal_volts: V of the communication.

    Raises:
        ValueError: no step or sweep, an unknown `e_cell`, nodes that do not fill the grid, or a
            voltage at which random bit and communication exceed the quoted total.
    """
    if not graphs or n_sweeps < 1:
        raise ValueError(
            f"{len(graphs)} steps of {n_sweeps} sweeps take no energy: give the graph of each "
            "step, and at least 1 sweep"
        )
    wires = float(np.mean([wire_length(graph, lattice) for graph in graphs]))
    cell = CellEnergy(
        rng=RNG_JOULES,
        bias_and_clock=_bias_and_clock(e_cell, signal_volts),
        communication=_communication(wires, signal_volts),
    )
    n_cells = round(np.mean([graph.n_nodes for graph in graphs]))
    return HardwareEnergy(len(graphs), n_sweeps, n_cells, wires, cell, e_cell, signal_volts)


def wire_length(graph: BaseGraph, lattice: Lattice) -> float:
    """Wires from a node to all its neighbours in cells, averaged over nodes.

    Wires are straight; on a torus they go the nearer way around. A lattice whose rules reach
    around less than half a torus has 4 sum_k sqrt(a_k^2 + b_k^2).

    Tied trials of a pixel share its place.

    Raises:
        ValueError: the nodes do not fill the L x L grid, that of bias number n at (n // L, n % L).
    """
    if graph.n_biases != lattice.n_nodes:
        raise ValueError(
            f"a graph of {graph.n_biases} places does not fill the {lattice.side} x "
            f"{lattice.side} grid: the length of its wires is known only where nodes of bias "
            f"number n stand at (n // {lattice.side}, n % {lattice.side}), for n below "
            f"{lattice.n_nodes}"
        )
    lengths = _edge_lengths(graph, lattice)
    return 2 * float(lengths.sum()) / graph.n_nodes  # an edge is a wire at both of its ends


def _edge_lengths(graph: BaseGraph, lattice: Lattice) -> Float[np.ndarray, " edge"]:
    places = np.stack(np.divmod(graph.bias_of_node[graph.edges], lattice.side), axis=-1)
    distances = np.abs(places[:, 0] - places[:, 1])
    if lattice.torus:
        distances = np.minimum(distances, lattice.side - distances)
    return np.hypot(*distances.T)


def _communication(wires: float, signal_volts: float) -> float:
    """E_comm = C V^2 / 2 of wires of this length, in cells."""
    return FARADS_PER_MICROMETRE * CELL_MICROMETRES * wires * signal_volts**2 / 2


def _bias_and_clock(e_cell: str, signal_volts: float) -> float:
    """What the quoted total leaves on the paper's machine."""
    if e_cell not in QUOTED_TOTALS:
        raise ValueError(
            f"unknown e_cell={e_cell!r}: the quoted totals are {', '.join(QUOTED_TOTALS)}"
            f"{did_you_mean(e_cell, QUOTED_TOTALS)}"
        )
    wires = 4 * sum(float(np.hypot(*rule)) for rule in PAPER_LATTICE.rules)
    available = QUOTED_TOTALS[e_cell] - RNG_JOULES
    if not signal_volts > 0 or _communication(wires, signal_volts) > available:
        highest = np.sqrt(available / _communication(wires, 1.0))
        raise ValueError(
            f"signal_volts={signal_volts:g} with e_cell={e_cell!r}: use more than 0 and at most "
            f"{highest:.4f} V, from where on random bit and communication alone exceed the quoted "
            f"{1e15 * QUOTED_TOTALS[e_cell]:.2f} fJ"
        )
    return available - _communication(wires, signal_volts)
