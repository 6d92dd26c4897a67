"""Trains what the figure of hierarchies shows, and measures what noise leaves of the class.

python -m figures.hierarchy.train --scale laptop
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from figures.hierarchy.config import EXACT, OF_SCALE, SCALES, Scale
from thrmlDenoising.data.hierarchy import RandomHierarchy, p_class
from thrmlDenoising.experiments import Places, Run, train_command, write_rows
from thrmlDenoising.families.hierarchy import HierarchyDiffusion

NOISES = np.round(np.concatenate([np.linspace(0.3, 0.6, 4), np.linspace(0.65, 0.95, 13)]), 3)
GRAMMARS = ((32, 8, 7), (16, 4, 7), (8, 2, 7))
"""v, m and L of deep grammars whose transition is shown, with s = 2."""

N_GRAMMARS, N_STRINGS = 8, 500


def simulated(noise: float, v: int, m: int, n_layers: int, n_strings: int = N_STRINGS) -> float:
    """p(class | tokens that say so much of themselves), by belief propagation, over grammars."""
    found = []
    for seed in range(N_GRAMMARS):
        rhm = RandomHierarchy(v, v, m, 2, n_layers, seed=seed)
        tokens, classes = rhm.strings(rhm.sample_indices(n_strings, seed))
        found.append(rhm.posterior(tokens, noise).root[np.arange(n_strings), classes].mean())
    return float(np.mean(found))


def transitions() -> Iterable[Mapping[str, float]]:
    """Theory and simulation of deep grammars."""
    for v, m, n_layers in GRAMMARS:
        for noise in NOISES:
            args = float(noise), v, m, n_layers
            numbers = dict(v=v, m=m, n_layers=n_layers, noise=noise)
            found = dict(theory=p_class(*args), found=simulated(*args), trained=np.nan)
            yield numbers | found


def transition_of(model: HierarchyDiffusion) -> Iterable[Mapping[str, float]]:
    """The same of the grammar that a network has learnt, and how often its strings have the class.

    Shown clean tokens at time t, a network is told of each what `p_class` starts from.
    """
    grammar, cfg = model.cfg.hierarchy.grammar, model.cfg.hierarchy
    v, m, n_layers = cfg.n_symbols, cfg.n_synonyms, cfg.n_layers
    tokens, classes = model.model.data.test
    for t, noise in noisy_times(model):
        root = grammar.posterior(tokens, noise).root
        made = grammar.parse(model.denoise(tokens, t, jax.random.key(t))).symbols[0][:, 0]
        yield dict(
            v=v,
            m=m,
            n_layers=n_layers,
            noise=noise,
            theory=p_class(noise, v, m, n_layers),
            found=root[np.arange(len(tokens)), classes].mean(),
            trained=(made == classes).mean(),
        )


def noisy_times(model: HierarchyDiffusion) -> Iterable[tuple[int, float]]:
    """Times, and the share of tokens that are drawn anew by then, about evenly spread."""
    anew = 1 - model.cfg.process.noise_schedule.alpha_bar
    times = np.unique(np.searchsorted(anew, np.linspace(0.05, 0.99, 17)))
    return [(int(t), float(anew[t])) for t in times]


def changes(model: HierarchyDiffusion) -> Iterable[Mapping[str, float]]:
    """Which symbols are others after strings were noised and denoised, by time and level."""
    strings = model.model.data.test.tokens
    for t, noise in noisy_times(model):
        found = model.forward_backward(t, strings, jax.random.key(t)).changed
        yield dict(t=t, noise=noise) | {f"level_{level}": of for level, of in enumerate(found)}


def shown_in_full(scale: Scale) -> Mapping[str, float]:
    """What a figure has to know of a scale, as it reads nothing but tables."""
    m, n_train = scale.main
    cfg = scale.cfg
    return dict(
        m=m,
        n_train=n_train,
        v=cfg.hierarchy.n_symbols,
        batch_size=cfg.optim.batch_size,
        n_updates=scale.n_updates,
    )


def measure(runs: Sequence[Run], places: Places) -> None:
    """Writes what the figure shows besides the tables of runs."""
    scale = OF_SCALE[places.tables.name]
    write_rows(places.tables / "shown_in_full.csv", [shown_in_full(scale)])
    models, trained = {}, scale.main_name
    for variant in (EXACT, trained):
        (run,) = [run for run in runs if run.name == f"{variant}_seed0"]
        folder = places.folder(run)
        assert folder is not None, "a run that is finished has a folder"
        models[variant] = HierarchyDiffusion.load(folder)
        write_rows(places.tables / f"changes_{variant}.csv", changes(models[variant]))
    shallow = transition_of(models[trained])
    write_rows(places.tables / "transitions.csv", [*transitions(), *shallow])


def main(argv: Sequence[str] | None = None) -> None:
    """Trains what is not finished, then measures."""
    train_command(Path(__file__).parent, SCALES, argv, measure)


if __name__ == "__main__":
    main()
