"""Heavy-tailed diffusion at work, for notebooks and scripts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from thrmlDenoising.config import Section
from thrmlDenoising.config.fields import Count, checked
from thrmlDenoising.families.levy.config import LevyConfig
from thrmlDenoising.families.levy.model import LevyModel
from thrmlDenoising.families.levy.state import LevyState
from thrmlDenoising.quality import QualityReport
from thrmlDenoising.support.process_settings import library_settings
from thrmlDenoising.training import Trainable
from thrmlDenoising.training.keys import UserKey


def make_cfg(**sections: Mapping[str, Any] | Section) -> LevyConfig:
    """A config from the fields that differ from the defaults.

    Raises:
        ValueError: an unknown section or field, a wrong value, or values that do not go together.

    Example:
        >>> make_cfg(noise=dict(method="lim")).noise.alpha
        1.8
    """
    return LevyConfig().replace(**sections)


class LevyDiffusion(Trainable[LevyModel, LevyState]):
    """Heavy-tailed diffusion at work; see `Trainable` for what all models do.

    Args:
        data: points of your own, `OwnPoints`, which `cfg` describes: `make_cfg(data=points.cfg)`.

    Example:
        >>> model = LevyDiffusion(make_cfg(data=dict(name="gmm_grid")))
        >>> model.train(n_epochs=20, evaluate_every=5)
        >>> points = model.sample(2000, n_steps=25)
    """

    model_type = LevyModel

    @property
    def train_dataset(self) -> Float[np.ndarray, " example *axis"]:
        """What is trained on."""
        return self.model.data.train

    @library_settings()
    def sample(
        self,
        n: int,
        key: UserKey | None = None,
        n_steps: int | None = None,
        deterministic: bool | None = None,
    ) -> Float[np.ndarray, " {n} *axis"]:
        """Generates n points of shape (axis,), or images of shape (row, column) from -1 to 1.

        Nothing is cut, unless `generation.clip` says so: numbers of images may be beyond black and
        white.

        Args:
            key: the same key gives the same examples, whatever kind of key; left out, it is made
                from `exp.seed`.
            n_steps: steps back from noise, whatever the T of training; `generation.n_steps` if left
                out.
            deterministic: whether all that is random is where the way begins, and what
                `generation.eta` adds, which is of such ways alone; `generation.deterministic` if
                left out.

        Raises:
            ValueError: less than 1 example or step, or `deterministic` is another word.
        """
        n, n_steps = checked("n", n, Count), checked("n_steps", n_steps, Count | None)
        deterministic = checked("deterministic", deterministic, bool | None)
        return self.model.sample(self.state, self._sample_key(key), n, n_steps, deterministic)

    @library_settings()
    def quality(self, n: int | None = None) -> QualityReport:
        """Generates examples and holds them against data; `print` shows a table.

        Args:
            n: `generation.n_judged` if left out.

        Raises:
            ValueError: less than 1 example.
        """
        ((_, report),) = self.model.reports(self.state, n)
        return report
