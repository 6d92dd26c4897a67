"""What the committed tables of heavy tails show, and that the figure shows the tables."""

import numpy as np
import pytest
from tiny import REPOSITORY

from figures.heavy_tails import config, plot
from thrmlDenoising.experiments import FigureData

DATA = FigureData(REPOSITORY / "figures/heavy_tails", "laptop")
LAPTOP = config.LAPTOP


def test_dlpm_meets_the_modes_and_their_weights_in_25_steps():
    beyond, off = (plot.curve(DATA, "modes_dlpm_1.8", name).at(25) for name in plot.NAMES)
    assert len(beyond) == len(LAPTOP.seeds)
    assert max(beyond) <= 3
    assert max(off) < 0.05


@pytest.mark.parametrize("alpha", ["1.7", "1.8", "1.9", "2"])
def test_nothing_is_better_than_the_exact_denoiser(alpha):
    """Of 20,000 points 0.1 % are chance: three standard deviations are 0.2 %."""
    exact = plot.curve(DATA, f"{plot.EXACT}_dlpm_{alpha}", "beyond").at(100)
    trained = plot.curve(DATA, f"modes_dlpm_{alpha}", "beyond").at(100)
    assert 0.5 < exact.max() < 2
    assert trained.min() > exact.max() - 0.3


@pytest.mark.parametrize("alpha", ["1.7", "1.8", "1.9", "2"])
def test_weights_are_nearer_to_the_data_than_with_the_published_choices(alpha):
    ours = plot.curve(DATA, f"modes_dlpm_{alpha}", "total_variation").at(25)
    published = plot.curve(DATA, f"modes_dlpm_paper_{alpha}", "total_variation").at(25)
    assert ours.max() < published.min()


def test_heavy_tails_are_found_with_heavy_noise_alone():
    """The size that one point in a thousand exceeds."""
    (row,) = [row for row in DATA.rows("tails") if np.isclose(float(row["share"]), 1e-3)]
    data = float(row["data"])
    assert float(row["tails_dlpm_1.7_seed0"]) == pytest.approx(data, rel=0.3)
    assert float(row["tails_dlpm_2_seed0"]) < 0.5 * data
    assert float(row["tails_dlpm_paper_1.7_seed0"]) > 2 * data


def test_lines_are_those_of_the_tables():
    panel = plot.FIGURE.draw(DATA).axes[0]
    (line,) = [line for line in panel.lines if line.get_label() == "alpha = 1.8"]
    of = plot.curve(DATA, "modes_dlpm_1.8", "beyond")
    x, y = np.asarray(line.get_xydata()).T
    assert x.tolist() == list(LAPTOP.n_steps) == of.n_steps
    np.testing.assert_allclose(y, of.values.mean(axis=0))


def test_rare_classes_are_recalled_no_better_with_heavy_noise():
    """The five rarest classes; every seed of normal noise is above the mean of the other."""

    def recalled(alpha: str) -> list[float]:
        names = [f"free_classifier_recall_of_{target}" for target in range(5, 10)]
        tables = DATA.seeds(f"classes_dlpm_{alpha}")
        return [float(np.mean([table.columns[name][-1] for name in names])) for table in tables]

    assert np.mean(recalled("2")) > np.mean(recalled("1.7"))
    assert min(recalled("2")) > np.mean(recalled("1.7"))
