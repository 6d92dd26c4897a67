"""A network on strings as its user sees it: a string and a time in, a string out."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Key

from thrmlDenoising.networks.embedding import checked_time
from thrmlDenoising.networks.strings.config import StringNetworkConfig
from thrmlDenoising.networks.strings.mlp import StringMLP
from thrmlDenoising.networks.strings.tree import TreeNet
from thrmlDenoising.networks.strings.unet import StringUNet

BODIES = {"tree": TreeNet, "unet": StringUNet, "mlp": StringMLP}
"""The kinds by the name the config knows them by."""


class StringNetwork(eqx.Module):
    """Answers one string; `jax.vmap` makes it answer many, each by itself.

    Its parameters are float32. Until it has been trained its answers are small, of a mean square
    below 1 over the width.

    Attributes:
        precision: in which it computes.
        in_shape: (token, channel) of the strings it takes.
    """

    body: TreeNet | StringUNet | StringMLP
    precision: str = eqx.field(static=True)
    in_shape: tuple[int, int] = eqx.field(static=True)

    @property
    def n_parameters(self) -> int:
        """How many numbers are learned."""
        return sum(leaf.size for leaf in jax.tree.leaves(self))

    def __call__(
        self, x: Float[Array, "token channel"], time: Float[ArrayLike, ""]
    ) -> Float[Array, "token out_channel"]:
        """The answer, float32.

        Args:
            x: what is known of every token, best of mean 0 and variance 1.
            time: from 0 to 1, the whole process; a tree makes nothing of it.

        Raises:
            ValueError: the string has another shape, or the time is an integer.
        """
        if x.shape != self.in_shape:
            raise ValueError(
                f"this network takes one string of shape (token, channel) = {self.in_shape}, "
                f"not {x.shape}: use jax.vmap for many"
            )
        body = jax.tree.map(lambda parameter: parameter.astype(self.precision), self.body)
        return body(x.astype(self.precision), checked_time(time)).astype(jnp.float32)


def build_string_network(
    cfg: StringNetworkConfig,
    key: Key[Array, ""],
    n_in: int,
    n_out: int,
    tuple_size: int,
    n_layers: int,
) -> StringNetwork:
    """A new network for strings of tuple_size**n_layers tokens, as its config says.

    Args:
        n_in: channels of a token, such as the evidence for each symbol.
        n_out: channels of the answer, such as the logit of each symbol.
        tuple_size: how many symbols a rule of the grammar makes of one.
        n_layers: how often rules are applied.

    Raises:
        ValueError: the string cannot be shortened as often as the config asks.

    Example:
        >>> cfg = StringNetworkConfig(width=16)
        >>> network = build_string_network(cfg, jax.random.key(0), 8, 8, 2, 3)
        >>> jax.eval_shape(network, jnp.zeros((8, 8)), 0.5).shape  # network(...) computes
        (8, 8)
    """
    plan = cfg.plan(tuple_size, n_layers)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    return StringNetwork(
        body=BODIES[cfg.kind](rng, plan, n_in, n_out),
        precision=cfg.precision,
        in_shape=(plan.n_tokens, n_in),
    )
