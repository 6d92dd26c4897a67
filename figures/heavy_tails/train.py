"""Trains what the figure of heavy tails shows, and makes points with more and fewer steps.

python -m figures.heavy_tails.train --scale laptop
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float

from figures.heavy_tails.config import OF_SCALE, SCALES, Scale
from thrmlDenoising.data.points import Mixture, point_set
from thrmlDenoising.experiments import Places, Run, train_command, write_rows
from thrmlDenoising.families.levy import LevyConfig, LevyDiffusion
from thrmlDenoising.families.levy.denoisers import SaysNoise
from thrmlDenoising.families.levy.exact import ExactDenoiser

SHARES = np.logspace(0, -4, 41)
"""Of points, beyond quantiles of their size."""

Row = Mapping[str, str | float]


def met_modes(
    model: LevyDiffusion, denoiser: SaysNoise, mixture: Mixture, scale: Scale, deterministic: bool
) -> Iterable[Row]:
    """How a mixture is met in more and in fewer steps."""
    for n_steps in scale.n_steps:
        key = jax.random.key(n_steps)
        made = model.model.sample_with(denoiser, key, scale.n_made, n_steps, deterministic)
        distances = mixture.distances(made)
        shares = np.bincount(distances.argmin(axis=1), minlength=len(mixture.weights))
        yield dict(
            n_steps=n_steps,
            deterministic=int(deterministic),
            within=float((distances.min(axis=1) < 3 * mixture.std).mean()),
            total_variation=float(0.5 * abs(shares / len(made) - mixture.weights).sum()),
        )


def all_modes(trained: Mapping[str, LevyDiffusion], scale: Scale) -> Iterable[Row]:
    """Of every trained model, and of the exact denoiser in the place of one seed of each."""
    mixture = point_set(scale.points.data.name)
    assert isinstance(mixture, Mixture)
    for name, model in trained.items():
        variant, seed = name.rsplit("_seed", 1)
        for deterministic in (False, True):
            for row in met_modes(model, model.state.average, mixture, scale, deterministic):
                yield {"variant": variant, "seed": int(seed)} | dict(row)
        if int(seed) == scale.seeds[0]:
            exact = ExactDenoiser.of(mixture, model.cfg.noise.mixture, n_sizes=50)
            for row in met_modes(model, exact, mixture, scale, deterministic=False):
                yield {"variant": f"exact_{variant}", "seed": int(seed)} | dict(row)


def all_tails(trained: Mapping[str, LevyDiffusion], scale: Scale) -> Iterable[Row]:
    """Quantiles of |x|, of stable points and of what was made of them."""
    data = scale.stable.data
    rng = np.random.default_rng(1)
    columns = {"data": sizes(point_set(data.name, alpha=data.alpha).draw(rng, 50 * scale.n_made))}
    for name, model in trained.items():
        columns[name] = sizes(model.sample(5 * scale.n_made, jax.random.key(0)))
    for place, share in enumerate(SHARES):
        yield {"share": share} | {name: of[place] for name, of in columns.items()}


def sizes(points: Float[np.ndarray, "point axis"]) -> Float[np.ndarray, " share"]:
    """Quantiles of |x|, one for each of `SHARES`."""
    return np.quantile(np.linalg.norm(points, axis=1), 1 - SHARES)


def class_sizes(cfg: LevyConfig) -> Iterable[Row]:
    """How many images there are of every class."""
    for target, n in zip(cfg.data.target_classes, cfg.data.class_counts, strict=True):
        yield {"class": target, "n_train": n}


def measure(runs: Sequence[Run], places: Places) -> None:
    """Writes what the figure shows besides the tables of runs."""
    scale = OF_SCALE[places.tables.name]
    modes, tails = (dict(_models(runs, places, kind)) for kind in ("modes", "tails"))
    write_rows(places.tables / "modes.csv", all_modes(modes, scale))
    write_rows(places.tables / "tails.csv", all_tails(tails, scale))
    write_rows(places.tables / "class_sizes.csv", class_sizes(scale.images))


def _models(runs: Sequence[Run], places: Places, kind: str) -> Iterable[tuple[str, LevyDiffusion]]:
    for run in runs:
        if run.name.startswith(kind):
            folder = places.folder(run)
            assert folder is not None, "a run that is finished has a folder"
            yield run.name, LevyDiffusion.load(folder)


def main(argv: Sequence[str] | None = None) -> None:
    """Trains what is not finished, then measures."""
    train_command(Path(__file__).parent, SCALES, argv, measure)


if __name__ == "__main__":
    main()
