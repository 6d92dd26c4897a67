"""Heavy tails: do they help where modes or classes are rare, or data have such tails themselves?

Every method has the same network, data and updates. `dlpm_paper` is DLPM as its own code has it:
the network says the noise, the loss is the root of the mean square, times are evenly spread.
"""

from collections.abc import Mapping
from typing import NamedTuple

from thrmlDenoising.experiments import Changes, Experiment, Experiments
from thrmlDenoising.families.levy import LevyConfig

ALPHAS = (1.7, 1.8, 1.9, 2.0)
NUS = (3.0, 5.0, 20.0)


def variant_name(data: str, method: str, tail: float) -> str:
    """Of a training; the tail is alpha, or nu of t-EDM."""
    return f"{data}_{method}_{tail:g}"


def variants(data: str, alphas: tuple[float, ...], nus: tuple[float, ...]) -> dict[str, Changes]:
    """Every method at every tail."""
    of_tail: dict[str, Changes] = {
        variant_name(data, method, alpha): dict(noise=dict(method=method, alpha=alpha))
        for alpha in alphas
        for method in ("dlpm", "lim")
    }
    for nu in nus:
        of_tail[variant_name(data, "t_edm", nu)] = dict(noise=dict(method="t_edm", nu=nu))
    return of_tail


def as_published(data: str, alphas: tuple[float, ...]) -> dict[str, Changes]:
    """DLPM as its own code has it."""
    return {
        variant_name(data, "dlpm_paper", alpha): dict(
            noise=dict(alpha=alpha, spacing=1.0),
            denoiser=dict(says="noise"),
            loss=dict(kind="root"),
            optim=dict(learning_rate=5e-3),
        )
        for alpha in alphas
    }


class Scale(NamedTuple):
    """The trainings of a scale.

    Attributes:
        points: of a mixture, whose modes have unequal weights.
        stable: of points with power tails.
        n_epochs: of every training of points.
        images: of classes of which some are rare.
        n_epochs_of_images: of every training of them.
        alphas_of_images: of "dlpm".
        n_steps: with how many steps back points of the mixture are made.
        n_made: points that are made to be measured.
    """

    points: LevyConfig
    stable: LevyConfig
    n_epochs: int
    images: LevyConfig
    n_epochs_of_images: int
    alphas_of_images: tuple[float, ...]
    n_steps: tuple[int, ...]
    n_made: int
    seeds: tuple[int, ...]

    def experiments(self) -> Experiments:
        """Of points of both kinds, and of images."""
        points = [
            (self.points, variants("modes", ALPHAS, NUS), self.seeds),
            (self.points, as_published("modes", ALPHAS), self.seeds[:1]),
            (self.stable, variants("tails", (1.7, 2.0), NUS[:1]), self.seeds[:1]),
            (self.stable, as_published("tails", (1.7,)), self.seeds[:1]),
        ]
        n = self.n_epochs
        of_images = {
            variant_name("classes", "dlpm", alpha): dict(noise=dict(alpha=alpha))
            for alpha in self.alphas_of_images
        }
        n_images = self.n_epochs_of_images
        return Experiments(
            (
                *(Experiment(cfg, of, n, n, seeds) for cfg, of, seeds in points),
                Experiment(self.images, of_images, n_images, n_images, self.seeds),
            )
        )


_QUIET = dict(generate_gif=False, checkpoint_every=10**6)

LAPTOP = Scale(
    points=LevyConfig.named("2d_data").replace(exp=_QUIET),
    stable=LevyConfig.named("2d_data").replace(
        exp=_QUIET, data=dict(name="sas", alpha=1.7), generation=dict(n_judged=10_000)
    ),
    n_epochs=150,
    images=LevyConfig.named("mnist_longtail").replace(
        exp=_QUIET, data=dict(name="fashion_mnist_10k")
    ),
    n_epochs_of_images=30,
    alphas_of_images=(1.7, 2.0),
    n_steps=(5, 10, 25, 100),
    n_made=20_000,
    seeds=(0, 1, 2),
)

PAPER = LAPTOP._replace(
    images=LevyConfig.named("mnist_longtail").replace(exp=_QUIET, network=dict(kind="unet")),
    n_epochs_of_images=400,
    alphas_of_images=ALPHAS,
    seeds=tuple(range(10)),
)
"""Ten seeds of the same points, which are small enough for a laptop as they are; a larger network
and all images of digits."""

OF_SCALE = {"laptop": LAPTOP, "paper": PAPER}
SCALES: Mapping[str, Experiments] = {name: of.experiments() for name, of in OF_SCALE.items()}
