"""What heavy-tailed diffusion minimises."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thrmlDenoising.families.levy.objectives import Objective
from thrmlDenoising.processes import Place, Preserving

SAID = np.array([[0.3, -2.0], [5.0, 0.1], [0.0, 0.2], [-1.0, 3.0], [0.4, 0.4], [40.0, -7.0]])
ADDED = np.array([[0.1, -1.0], [-3.0, 0.0], [0.0, 0.0], [1.0, 2.0], [0.5, -0.4], [2.0, 1.0]])
WAY = Preserving(1.7, 1.0).way(9)
AT = np.array([1, 1, 4, 4, 9, 9])
PLACE = WAY.at(jnp.asarray(AT))


def loss(kind: str, place: Place = PLACE, n_groups: int = 1, size: int = 1) -> np.ndarray:
    objective = Objective(kind, 1.7, 0.8, n_groups, size)
    said, added = (jnp.asarray(of, jnp.float32) for of in (SAID, ADDED))
    return np.asarray(objective(said, added, place), float)


def losses_by_hand(kind: str) -> np.ndarray:
    off = SAID - ADDED
    if kind == "root":
        return np.sqrt((off**2).mean(axis=1))
    if kind == "squared":
        g, s = np.asarray(WAY.signal, float)[AT], np.asarray(WAY.noise, float)[AT]
        return (1 + s**2 / g**2) * (off**2).mean(axis=1)
    y = abs(off) / 1.7
    return np.where(y < 0.8, y**2 / 2, 0.8 * (y - 0.4)).mean(axis=1)


@pytest.mark.parametrize("kind", ["root", "smooth", "squared"])
def test_losses_are_those_of_their_formulas(kind):
    np.testing.assert_allclose(loss(kind), losses_by_hand(kind), rtol=1e-5)
    others = {"root", "smooth", "squared"} - {kind}
    for twin in others:
        assert abs(loss(kind) - losses_by_hand(twin)).max() > 0.1


@pytest.mark.parametrize("kind", ["root", "smooth"])
def test_of_groups_of_noises_the_median_of_means_counts(kind):
    by_hand = losses_by_hand(kind)
    of_groups = by_hand.reshape(1, 3, 2).mean(axis=2)  # one example, three groups of two
    median = np.median(of_groups, axis=1)
    np.testing.assert_allclose(loss(kind, n_groups=3, size=2), median, rtol=1e-5)
    assert abs(of_groups.mean(axis=1) - median) > 0.1, "the twin"
    of_pairs = by_hand.reshape(2, 3, 1)[..., 0]
    np.testing.assert_allclose(loss(kind, n_groups=3), np.median(of_pairs, axis=1), rtol=1e-5)
    np.testing.assert_allclose(loss(kind, size=3), of_pairs.mean(axis=1), rtol=1e-5)


def test_a_loss_that_is_0_has_a_slope():
    objective = Objective("root", 1.7, 1.0, 1, 1)

    def total(said):
        return objective(said, jnp.zeros((2, 2)), WAY.at(jnp.array([2, 3]))).sum()

    assert np.isfinite(jax.grad(total)(jnp.zeros((2, 2)))).all()
