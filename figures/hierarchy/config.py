"""Strings of grammars: what is learnt first, and from how many strings.

Grammars differ in m, the number of rules of a symbol. Trainings of a scale make as many updates,
those on few strings no more than so many epochs: they have learnt them by heart long before.
"""

from collections.abc import Mapping
from typing import NamedTuple

from thrmlDenoising.experiments import Experiment, Experiments
from thrmlDenoising.families.hierarchy import HierarchyConfig

EXACT = "exact"
"""The variant whose denoiser is belief propagation."""


def variant_name(m: int, n_train: int) -> str:
    """Of the training on so many strings of the grammar with m rules a symbol."""
    return f"m{m}_P{n_train}"


class Scale(NamedTuple):
    """Trainings on more and more strings of grammars with more and more rules.

    Attributes:
        n_updates: of every training.
        n_epochs: at most.
        sizes: P, how many strings are learnt, by m.
        main: m and P of what is shown in full, with all `seeds`; others are trained once.
        n_evaluations: on the way, evenly spread.
    """

    cfg: HierarchyConfig
    n_updates: int
    n_epochs: int
    sizes: Mapping[int, tuple[int, ...]]
    main: tuple[int, int]
    n_evaluations: int
    seeds: tuple[int, ...]

    @property
    def main_name(self) -> str:
        """The variant that is shown in full."""
        return variant_name(*self.main)

    def experiments(self) -> Experiments:
        """Of every m and P, and the exact denoiser, which nobody has to train."""
        exact = self._cfg(*self.main).replace(denoiser=dict(kind="exact"))
        learning = [self._on(m, n_train) for m, sizes in self.sizes.items() for n_train in sizes]
        return Experiments((*learning, Experiment(exact, {EXACT: {}}, 1, 1, (0,))))

    def _cfg(self, m: int, n_train: int) -> HierarchyConfig:
        batch_size = min(n_train, self.cfg.optim.batch_size)
        grammar = dict(n_synonyms=m, n_train=n_train)
        return self.cfg.replace(hierarchy=grammar, optim=dict(batch_size=batch_size))

    def _on(self, m: int, n_train: int) -> Experiment:
        cfg = self._cfg(m, n_train)
        n_epochs = min(self.n_epochs, self.n_updates * cfg.optim.batch_size // n_train)
        evaluate_every = max(1, n_epochs // self.n_evaluations)
        seeds = self.seeds if (m, n_train) == self.main else self.seeds[:1]
        return Experiment(cfg, {variant_name(m, n_train): {}}, n_epochs, evaluate_every, seeds)


def doubled(first: int, n: int) -> tuple[int, ...]:
    """So many sizes, each twice the one before."""
    return tuple(first << i for i in range(n))


LAPTOP = Scale(
    cfg=HierarchyConfig.named("example").replace(
        exp=dict(checkpoint_every=10**6),
        hierarchy=dict(n_test=500),
        generation=dict(n_judged=500),
    ),
    n_updates=4096,
    n_epochs=1024,
    sizes={2: doubled(8, 7), 3: doubled(16, 9), 4: doubled(32, 8), 5: doubled(32, 9)},
    main=(3, 1024),
    n_evaluations=16,
    seeds=(0, 1, 2),
)

PAPER = LAPTOP._replace(
    cfg=LAPTOP.cfg.replace(
        hierarchy=dict(n_symbols=32, n_classes=32, n_layers=4),
        network=dict(width=1024),
        optim=dict(learning_rate=1e-4),
    ),
    n_updates=2**17,
    n_epochs=2**14,
    sizes={m: doubled(512, 10) for m in (4, 5, 6, 8)},
    main=(4, 2**16),
)
"""32 symbols and 4 layers, where the exponents were published; nobody has run it here."""

OF_SCALE = {"laptop": LAPTOP, "paper": PAPER}
SCALES: Mapping[str, Experiments] = {name: of.experiments() for name, of in OF_SCALE.items()}
