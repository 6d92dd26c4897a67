"""The hyperparameters of heavy-tailed diffusion.

Every field is documented once, below it; the command line shows the same text.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from thrmlDenoising.config import Config, EvaluationConfig, ExpConfig, Must, Section
from thrmlDenoising.config.fields import Count, Fraction, Positive
from thrmlDenoising.data.points import STABLE_SETS
from thrmlDenoising.diffusion import OptimConfig, Steps
from thrmlDenoising.families.levy.data_config import Exponent, LevyDataConfig
from thrmlDenoising.networks import NetworkConfig, PointNetworkConfig
from thrmlDenoising.processes import Exploding, Fading, NormalMixture, Preserving, Stable, Student


@dataclass(frozen=True)
class LevyExpConfig(ExpConfig, name="exp"):
    """The experiment: its seed, its name, and what is drawn on the way."""

    generate_gif: bool = True
    """Draw an animation of noise becoming data at every evaluation."""

    n_drawn: Count = 100
    """Images in the drawn grid, at least 1 and at most those judged; of
    points all that are judged are drawn."""


@dataclass(frozen=True)
class HeavyNoiseConfig(Section, name="noise"):
    """The method: what noise is, how it grows, and how it is removed."""

    method: Literal["dlpm", "lim", "t_edm"] = "dlpm"
    """"dlpm", denoising with the exact posterior of stable noise; "lim", its
    stochastic or ordinary differential equation; "t_edm", Student's t
    noise."""

    alpha: Exponent = 1.8
    """Exponent of stable noise: above 1, to 2, which is normal noise. Not of
    "t_edm"."""

    nu: Annotated[float, Must("above 2", lambda x: x > 2)] = 5.0
    """Degrees of freedom of "t_edm": above 2."""

    isotropic: bool = True
    """All numbers of an example are noised with the same size, so that noise
    has no direction; else each with its own. Not of "t_edm"."""

    schedule: Literal["usual", "preserving", "cosine", "exploding"] = "usual"
    """How data fade: "preserving", a cosine to the power 2 / alpha, and
    "cosine", to the power 1, keep the scale of data; with "exploding" noise
    alone grows. "usual": "preserving" for "dlpm", "cosine" for "lim",
    "exploding" for "t_edm"."""

    n_timesteps: Steps = 100
    """T, the times of training: 1 to 10000. Generation may take as many steps
    as it likes, to the same limit."""

    spacing: Positive = 1.5
    """Power of evenly spread times, in training and in generation: above 1
    they crowd near data; 1 is DLPM's and LIM's."""

    def check_together(self) -> None:
        """Every noise has fields of its own."""
        if self.method == "t_edm":
            self.check_left_out(["alpha"], "noise of 't_edm' is Student's t, of noise.nu")
            self.check_left_out(["isotropic"], "noise of 't_edm' has one size for an example")
        else:
            self.check_left_out(["nu"], f"noise of {self.method!r} is stable, of noise.alpha")

    @property
    def exponent(self) -> float:
        """The exponent by which noise adds up: 2 where there is a variance."""
        return 2.0 if self.method == "t_edm" else self.alpha

    @property
    def fading(self) -> Fading:
        """How data fade."""
        usual = {"dlpm": "preserving", "lim": "cosine", "t_edm": "exploding"}[self.method]
        kind = usual if self.schedule == "usual" else self.schedule
        if kind == "exploding":
            return Exploding(self.exponent)
        return Preserving(self.exponent, 2 / self.exponent if kind == "preserving" else 1.0)

    @property
    def mixture(self) -> NormalMixture:
        """What noise is."""
        if self.method == "t_edm":
            return Student(self.nu)
        return Stable(self.alpha, self.isotropic)


@dataclass(frozen=True)
class DenoiserConfig(Section, name="denoiser"):
    """What the answers of the network mean."""

    says: Literal["noise", "start", "rest"] = "rest"
    """The "noise"; the "start" x_0, which leaves noise to what is known of
    x_t; or the "rest", what x_0 is beside the part of x_t that is best where
    data are stable themselves."""


@dataclass(frozen=True)
class HeavyLossConfig(Section, name="loss"):
    """What is minimised in training, of the noise that was added and the noise that is said."""

    kind: Literal["smooth", "root", "squared"] = "smooth"
    """"smooth", squared where it is small and linear above, as of LIM; the
    "root" of the mean square, as of DLPM; or "squared", as of t-EDM."""

    threshold: Positive = 0.6
    """Of "smooth": the error, over alpha, at which it becomes linear: above 0.
    Larger ones leave a mean, smaller ones a median; 1 is LIM's."""

    n_groups: Count = 1
    """Groups of noises for every example, whose median loss is taken: at least
    1."""

    group_size: Count = 1
    """Noises of each group, whose mean loss is taken: at least 1."""

    def check_together(self) -> None:
        """A threshold is that of a smooth loss."""
        if self.kind != "smooth":
            self.check_left_out(["threshold"], f"loss.kind={self.kind!r} has none")


@dataclass(frozen=True)
class LevyOptimConfig(OptimConfig, name="optim"):
    """The optimiser, and the average of parameters that is generated with."""

    batch_size: Count = 1024
    """Training examples per update: at least 1, at most the training set."""

    learning_rate: Positive = 2e-3
    """Of the optimiser: above 0."""


@dataclass(frozen=True)
class LevyGenerationConfig(Section, name="generation"):
    """The generation of points or images."""

    n_steps: Steps | None = None
    """Steps back from noise: 1 to 10000, whatever the T of training, which
    None stands for."""

    deterministic: bool = False
    """All that is random is where the way begins: "dlpm" is DLIM then, "lim"
    its ordinary differential equation, "t_edm" its flow."""

    eta: Fraction = 0.0
    """Of "dlpm", where deterministic: how much noise there is yet, 0 to 1."""

    clip: Positive | None = None
    """What is said of x_0 is cut at this size on the way back; None: it is
    not."""

    n_judged: Count = 5000
    """Examples generated to compute a metric: at least 1."""


@dataclass(frozen=True)
class LevyEvaluationConfig(EvaluationConfig, name="evaluation"):
    """How generated examples are judged. None of it touches training."""

    clamp: Positive | None = None
    """Numbers of generated points are cut at this size before they are judged,
    which hides their tails; None: they are not."""


@dataclass(frozen=True)
class LevyConfig(Config):
    """Everything that defines heavy-tailed diffusion and its training."""

    family: ClassVar[str] = "levy"
    named_configs: ClassVar[Path | None] = Path(__file__).parent / "configs"
    free_to_change: ClassVar[frozenset[str]] = Config.free_to_change | {
        "exp.generate_gif",
        "exp.n_drawn",
        "data.data_dir",
        "generation.n_steps",
        "generation.deterministic",
        "generation.eta",
        "generation.clip",
        "generation.n_judged",
        "evaluation.clamp",
        "evaluation.extractors",
        "evaluation.inception_weights",
        "evaluation.bootstrap_replicates",
    }
    exp: LevyExpConfig = field(default_factory=LevyExpConfig)
    data: LevyDataConfig = field(default_factory=LevyDataConfig)
    noise: HeavyNoiseConfig = field(default_factory=HeavyNoiseConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    loss: HeavyLossConfig = field(default_factory=HeavyLossConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    mlp: PointNetworkConfig = field(default_factory=PointNetworkConfig)
    optim: LevyOptimConfig = field(default_factory=LevyOptimConfig)
    generation: LevyGenerationConfig = field(default_factory=LevyGenerationConfig)
    evaluation: LevyEvaluationConfig = field(default_factory=LevyEvaluationConfig)

    @property
    def n_steps(self) -> int:
        """Steps of generation."""
        return self.generation.n_steps or self.noise.n_timesteps

    @property
    def data_name(self) -> str:
        """What is learnt, in a word."""
        data = self.data
        tails = f", alpha {data.alpha:g}" if data.name in STABLE_SETS else ""
        tail = f", {data.imbalance:g} times more of the first class" if data.imbalance > 1 else ""
        return f"{data.name}{tails}{tail}"

    @property
    def data_facts(self) -> dict[str, str]:
        """See `Config.data_facts`."""
        return super().data_facts | {
            "training examples": str(self.data.n_learnt),
            "examples judged": str(self.generation.n_judged),
        }

    def check_together(self) -> None:
        """Data, network, method and batches have to fit each other."""
        if self.data.has_images:
            self._check_images()
        else:
            self._check_points()
        self.optim.check_enough(self.data.n_learnt, "examples")
        generation, noise = self.generation, self.noise
        if generation.eta and not (generation.deterministic and noise.method == "dlpm"):
            raise ValueError(
                f"generation.eta={generation.eta} with generation.deterministic="
                f"{generation.deterministic} and noise.method={noise.method!r}: it is noise on the "
                "deterministic way of 'dlpm', DLIM. Leave it at 0"
            )
        says, has_variance = self.denoiser.says, noise.exponent == 2
        if self.loss.kind == "squared" and says != "start" and not has_variance:
            raise ValueError(
                f"loss.kind='squared' with noise.alpha={noise.alpha:g} and denoiser.says={says!r}: "
                "the square of such noise has no mean, and nor has the loss. Use 'smooth' or "
                "'root', or let the network say the 'start'"
            )

    def _check_points(self) -> None:
        of_images = "points are learnt, and not images"
        self.network.check_left_out(
            _fields(self.network), f"{of_images}; theirs is the section mlp"
        )
        self.exp.check_left_out(["n_drawn"], f"{of_images}; all that are judged are drawn")
        self.evaluation.check_left_out(["extractors", "inception_weights"], of_images)

    def _check_images(self) -> None:
        self.mlp.check_left_out(
            _fields(self.mlp), "images are learnt, and not points; theirs is the section network"
        )
        self.evaluation.check_left_out(["clamp"], "grey levels end at black and white")
        self.network.check_sides(self.data.facts.image_shape)
        n_drawn, n_judged = self.exp.n_drawn, self.generation.n_judged
        if n_drawn > n_judged:
            raise ValueError(
                f"exp.n_drawn={n_drawn} are drawn of generation.n_judged={n_judged}: draw fewer or "
                "generate more"
            )


def _fields(section: Section) -> list[str]:
    return [field.name for field in fields(section)]
