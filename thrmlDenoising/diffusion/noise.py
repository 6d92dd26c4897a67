"""The hyperparameters of how noise grows, whatever noise is."""

from dataclasses import dataclass
from typing import Annotated, Literal

from thrmlDenoising.config import Must, Section
from thrmlDenoising.config.fields import Positive
from thrmlDenoising.processes import NoiseSchedule
from thrmlDenoising.processes.schedules import SCHEDULES, linear

Steps = Annotated[int, Must("from 1 to 10000", lambda n: 1 <= n <= 10_000)]
Beta = Annotated[float, Must("above 0 and below 1", lambda x: 0 < x < 1)]
Schedule = Literal["cosine", "cosine_squared", "multinomial", "linear", "jsd"]


@dataclass(frozen=True)
class NoiseConfig(Section, name="process"):
    """The forward process: how noise grows in T steps."""

    n_timesteps: Steps = 100
    """T, the steps of training: 1 to 10000. Generation may take fewer."""

    schedule: Schedule = "cosine"
    """How noise grows: "cosine" as in D3PM, "cosine_squared", "multinomial"
    (cosine, clipped as by Hoogeboom), "linear" in beta, or "jsd", 1 / (T -
    t + 1)."""

    beta_start: Positive = 1e-4
    """beta of the first step of a linear schedule: above 0."""

    beta_end: Beta = 0.02
    """beta of the last step of a linear schedule: above 0 and below 1."""

    def steps(self, asked: int | None) -> int:
        """Steps of generation: as many as asked for, or all T.

        Raises:
            ValueError: there are not so many.
        """
        if asked is not None and asked > self.n_timesteps:
            raise ValueError(
                f"generation.n_steps={asked} are more than process.n_timesteps="
                f"{self.n_timesteps}: generation leaves out steps of training, and has none of its "
                "own"
            )
        return asked or self.n_timesteps

    @property
    def noise_schedule(self) -> NoiseSchedule:
        """The betas of all T steps."""
        if self.schedule == "linear":
            return linear(self.n_timesteps, self.beta_start, self.beta_end)
        return SCHEDULES[self.schedule](self.n_timesteps)
