"""A network as its user sees it: an image, a time and a class in, an image out."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, Key

from thrmlDenoising.networks.config import NetworkConfig
from thrmlDenoising.networks.embedding import Condition, checked_time
from thrmlDenoising.networks.patches import PatchNet
from thrmlDenoising.networks.score import ScoreNet
from thrmlDenoising.networks.unet import UNet

BODIES = {"patches": PatchNet, "score": ScoreNet, "unet": UNet}
"""The kinds by the name the config knows them by."""


class Network(eqx.Module):
    """Answers one image; `jax.vmap` makes it answer many, each by itself.

    Its parameters are float32, its answer is 0 until it has been trained.

    Attributes:
        precision: in which it computes.
        in_shape: (channel, row, column) of the images it takes.
    """

    condition: Condition
    body: PatchNet | ScoreNet | UNet
    precision: str = eqx.field(static=True)
    in_shape: tuple[int, int, int] = eqx.field(static=True)

    @property
    def no_class(self) -> int:
        """The label that says that there is none; the classes are those below."""
        return self.condition.classes.no_class

    @property
    def n_parameters(self) -> int:
        """How many numbers are learned."""
        return sum(leaf.size for leaf in jax.tree.leaves(self))

    def __call__(
        self,
        x: Float[Array, "channel row column"],
        time: Float[ArrayLike, ""],
        label: Int[ArrayLike, ""] | None = None,
        key: Key[Array, ""] | None = None,
    ) -> Float[Array, "out_channel row column"]:
        """The answer, float32; NaN for a label that is neither a class nor `no_class`.

        Args:
            time: from 0 to 1, the whole process.
            label: the class; None is `no_class`.
            key: for dropout; without one there is none.

        Raises:
            ValueError: the image has another shape, or the time is an integer.
        """
        if x.shape != self.in_shape:
            raise ValueError(
                f"this network takes one image of shape (channel, row, column) = {self.in_shape}, "
                f"not {x.shape}: use jax.vmap for many"
            )
        time = checked_time(time)
        label = self.no_class if label is None else label
        condition, body = jax.tree.map(
            lambda parameter: parameter.astype(self.precision), (self.condition, self.body)
        )
        pixels = jnp.moveaxis(x, 0, -1).astype(self.precision)
        answer = body(pixels, condition(time, jnp.asarray(label)), key)
        return jnp.moveaxis(answer, -1, 0).astype(jnp.float32)


def build_network(
    cfg: NetworkConfig,
    key: Key[Array, ""],
    in_channels: int,
    out_channels: int,
    image_shape: tuple[int, int],
    n_classes: int = 0,
) -> Network:
    """A new network, as its config says.

    Args:
        image_shape: rows and columns.
        n_classes: without the one that stands for none.

    Raises:
        ValueError: the sides do not halve as often as the config asks.
    """
    cfg.check_sides(image_shape)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    return Network(
        condition=Condition(rng, cfg.channels, cfg.width, n_classes),
        body=BODIES[cfg.kind](rng, cfg, in_channels, out_channels),
        precision=cfg.precision,
        in_shape=(in_channels, *image_shape),
    )
