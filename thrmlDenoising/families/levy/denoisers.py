"""What says which noise an example holds: a network, and what its answers mean."""

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from thrmlDenoising.networks import Network, PointNetwork
from thrmlDenoising.processes import Place

X = Float[Array, " example *axis"]
"""Points of shape (example, axis), or images of shape (example, row, column)."""


@runtime_checkable
class SaysNoise(Protocol):
    """An Equinox module, so that it may hold arrays."""

    def __call__(self, x: X, place: Place) -> X:
        """The noise of x = signal x_0 + noise scale times noise."""
        ...


class Denoiser(eqx.Module):
    """A network, and what its answers mean. Only the network is trained.

    The network sees x / (g^alpha + s^alpha)^(1 / alpha), in which stable data of scale 1 keep it.
    An answer F means that the noise is

        F                                                          ("noise"),
        (x - g F) / s                                              ("start"),
        s^(alpha - 1) / N x - g / N (s^e + g^e)^(1 / alpha) F      ("rest"),

    N = g^alpha + s^alpha, e = alpha (alpha - 1). The last is what is known of stable data of scale
    1, whose regression on x is linear, and F of scale 1 where they are such; at alpha = 2 it is
    that of EDM (arXiv 2206.00364). With the second, errors of F vanish beside large noise.

    Attributes:
        says: "noise", "start" or "rest".
        alpha: the exponent by which noise adds up.
    """

    network: PointNetwork | Network
    says: str = eqx.field(static=True)
    alpha: float = eqx.field(static=True)

    def __call__(self, x: X, place: Place, key: Key[Array, ""] | None = None) -> X:
        """See `SaysNoise`.

        Args:
            key: for dropout, which there is none of without.
        """
        _, g, s = place.over(x)
        total = g**self.alpha + s**self.alpha
        u = jnp.broadcast_to(place.u, x.shape[:1])
        answer = _answer(self.network, x / total ** (1 / self.alpha), u, key)
        if self.says == "noise":
            return answer
        if self.says == "start":
            return (x - g * answer) / s
        e = self.alpha * (self.alpha - 1)
        size = g / total * (s**e + g**e) ** (1 / self.alpha)
        return s ** (self.alpha - 1) / total * x - size * answer


class Clipped(eqx.Module):
    """A denoiser, what it says of x_0 being cut at a size."""

    denoiser: SaysNoise
    size: float = eqx.field(static=True)

    def __call__(self, x: X, place: Place) -> X:
        """See `SaysNoise`."""
        _, g, s = place.over(x)
        start = jnp.clip((x - s * self.denoiser(x, place)) / g, -self.size, self.size)
        return (x - g * start) / s


def _answer(
    network: PointNetwork | Network, x: X, u: Float[Array, " example"], key: Key[Array, ""] | None
) -> X:
    """That of a network for points, of all at once, or of one for images, which have a channel."""
    if isinstance(network, PointNetwork):
        return network(x, u)
    keys = None if key is None else jax.random.split(key, len(x))

    def of_image(image: Array, time: Array, key: Array | None) -> Array:
        return network(image[None], time, key=key)[0]

    return jax.vmap(of_image, in_axes=(0, 0, None if keys is None else 0))(x, u, keys)
