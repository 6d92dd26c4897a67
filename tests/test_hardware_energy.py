import csv
from decimal import Decimal
from math import hypot, sqrt

import numpy as np
import pytest
from tiny import REPOSITORY

import thrmlDenoising.families.dtm.hardware_energy as module
from thrmlDenoising.base_graphs import BaseGraph, Lattice, parse_preset
from thrmlDenoising.families.dtm.hardware_energy import QUOTED_TOTALS, hardware_energy, wire_length

PAPER_RULES = ((0, 1), (4, 1), (10, 9))
PAPER = Lattice(70, PAPER_RULES, torus=True)
NOBODY = np.zeros(0, np.int32)


def graph_of(lattice, edges=None):
    edges = lattice.edges() if edges is None else edges
    return BaseGraph.untied(edges, lattice.colors(), NOBODY, NOBODY)


def energy(lattice=PAPER, n_steps=1, n_sweeps=250, **options):
    return hardware_energy([graph_of(lattice)] * n_steps, lattice, n_sweeps, **options)


def printed_in_figure_1():
    path = REPOSITORY / "figures" / "energy_vs_quality" / "published.csv"
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if row["family"] == "DTM"]
    return {int(row["variant"][2:]): Decimal(row["joules_per_sample"]) for row in rows}


def reproduces_figure_1():
    """Every point to within half a unit of the last digit printed."""
    for n_steps, printed in printed_in_figure_1().items():
        half = 0.5 * 10.0 ** int(printed.as_tuple().exponent)
        if abs(energy(n_steps=n_steps).joules - float(printed)) > half * (1 + 1e-9):
            return False
    return True


def test_the_energies_of_figure_1():
    assert sorted(printed_in_figure_1()) == [1, 2, 4, 6, 8]
    assert reproduces_figure_1()


@pytest.mark.parametrize("factor", [1 / 4, 1 / 2, 2])
def test_wires_counted_otherwise_would_not_give_figure_1(monkeypatch, factor):
    monkeypatch.setattr(module, "wire_length", lambda *given: factor * wire_length(*given))
    assert not reproduces_figure_1()


def test_the_other_quoted_totals():
    for n_steps in (1, 3, 8):
        program = energy(n_steps=n_steps, e_cell="program")
        assert program.joules == pytest.approx(1.6e-9 * n_steps, rel=1e-12)
    assert energy(e_cell="text").cell.total == pytest.approx(2e-15, rel=1e-12)


def test_communication_is_half_c_v_squared():
    capacitance = 4 * 350e-18 * 6 * (1 + sqrt(17) + sqrt(181))
    cell = energy(signal_volts=0.1).cell
    assert cell.communication == pytest.approx(capacitance * 0.1**2 / 2, rel=1e-12)
    assert cell.rng == 350e-18
    assert energy(signal_volts=0.05).cell.total == pytest.approx(cell.total, rel=1e-12)


@pytest.mark.parametrize("e_cell", QUOTED_TOTALS)
@pytest.mark.parametrize("preset", [44_12, 70_20, 90_8])
def test_parts_add_up_and_are_positive(preset, e_cell):
    side, rules, *_ = parse_preset(preset)
    found = energy(Lattice(side, rules, torus=True), n_steps=3, e_cell=e_cell)
    assert sum(found.parts.values()) == pytest.approx(found.joules, rel=1e-12)
    assert min(found.parts.values()) > 0


def test_energy_goes_with_steps_sweeps_and_cells():
    once = energy().joules
    assert energy(n_steps=7).joules == pytest.approx(7 * once, rel=1e-12)
    assert energy(n_sweeps=800).joules == pytest.approx(800 / 250 * once, rel=1e-12)
    smaller = Lattice(44, PAPER_RULES, torus=True)
    assert energy(smaller).joules == pytest.approx((44 / 70) ** 2 * once, rel=1e-12)


def test_only_communication_goes_with_the_degree():
    few, many = energy().parts, energy(Lattice(70, (*PAPER_RULES, (11, 14)), torus=True)).parts
    ratio = 1 + hypot(11, 14) / (1 + sqrt(17) + sqrt(181))
    assert many["communication"] == pytest.approx(ratio * few["communication"], rel=1e-12)
    assert {k: v for k, v in many.items() if k != "communication"} == {
        k: v for k, v in few.items() if k != "communication"
    }


@pytest.mark.parametrize("preset", [20_8, 44_12, 60_12, 70_36, 120_36])
def test_wires_of_a_torus_whose_rules_stay_within_half_of_it(preset):
    side, rules, *_ = parse_preset(preset)
    rules = tuple(rule for rule in rules if max(rule) < side / 2)
    lattice = Lattice(side, rules, torus=True)
    expected = 4 * sum(hypot(*rule) for rule in rules)
    assert wire_length(graph_of(lattice), lattice) == pytest.approx(expected, rel=1e-12)


def length_by_definition(edges, lattice):
    """The definition, a node and a neighbour at a time, over all ways around the torus."""
    side, total = lattice.side, 0.0
    turns = (-side, 0, side) if lattice.torus else (0,)
    for one, other in [*edges, *edges[:, ::-1]]:
        dx, dy = one // side - other // side, one % side - other % side
        total += min(hypot(dx + a, dy + b) for a in turns for b in turns)
    return total / side**2


@pytest.mark.parametrize("torus", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_wires_of_any_graph(seed, torus):
    rng = np.random.default_rng(seed)
    lattice = Lattice(10, (), torus)
    even, odd = (np.flatnonzero(lattice.colors() == color) for color in (0, 1))
    pairs = rng.permutation(50 * 50)[:300]
    edges = np.stack([even[pairs // 50], odd[pairs % 50]], axis=1).astype(np.int32)
    expected = length_by_definition(edges, lattice)
    assert wire_length(graph_of(lattice, edges), lattice) == pytest.approx(expected, rel=1e-12)


def test_wires_at_the_edges_of_a_flat_grid_are_fewer():
    flat = Lattice(3, ((0, 1),), torus=False)
    assert wire_length(graph_of(flat), flat) == pytest.approx(24 / 9)


def test_steps_may_have_different_graphs():
    lattice, longer = PAPER, Lattice(70, (*PAPER_RULES, (11, 14)), torus=True)
    mixed = hardware_energy([graph_of(lattice), graph_of(longer)], lattice, 250)
    expected = energy(lattice).joules + energy(longer).joules
    assert mixed.joules == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("e_cell", "quoted"), [("text", "2.00"), ("program", "1.31")])
def test_the_table_says_what_it_rests_on(e_cell, quoted):
    table = str(energy(n_steps=4, e_cell=e_cell, signal_volts=0.09))
    assert f'"{e_cell}": {quoted} fJ' in table
    assert "0.090 V" in table
    assert "assumption" in table
    assert "4 steps x 250 sweeps x 4900 cells" in table
    assert all(part in table for part in ("rng", "bias and clock", "communication", "total"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"e_cell": "figure1"}, "text, program, figure_1; did you mean 'figure_1'"),
        ({"signal_volts": 0.2}, "signal_volts=0.2.*at most 0.12"),
        ({"signal_volts": 0.0}, "signal_volts=0"),
        ({"signal_volts": float("nan")}, "signal_volts=nan"),
        ({"n_sweeps": 0}, "at least 1 sweep"),
        ({"n_steps": 0}, "graph of each step"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        energy(**options)


def test_a_graph_that_is_no_grid_is_refused():
    with pytest.raises(ValueError, match="4900 places does not fill the 60 x 60 grid"):
        hardware_energy([graph_of(PAPER)], Lattice(60, PAPER_RULES, torus=True), 250)
