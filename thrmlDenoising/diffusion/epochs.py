"""An epoch: one walk through all examples, batch by batch, in random order."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from thrmlDenoising.diffusion.learning import LearnedState
from thrmlDenoising.training import NotFiniteError

L = TypeVar("L", bound=LearnedState)

Update = Callable[[L, Int[np.ndarray, " chosen"], Key[Array, ""]], tuple[L, Float[Array, ""]]]
"""The state after a batch of these examples, and its loss."""


def walk_through(
    update: Update[L],
    state: L,
    n_examples: int,
    batch_size: int,
    key: Key[Array, ""],
    on_batch: Callable[[], None],
) -> tuple[L, Float[Array, ""]]:
    """The state after one more epoch, and the mean loss of its batches.

    Whole batches are made; what is left of the examples waits for another epoch.

    Args:
        on_batch: called after every batch; may raise, to stop.

    Raises:
        NotFiniteError: a loss is NaN or infinite; says of which update.
    """
    order_key, key = jax.random.split(key)
    order = np.asarray(jax.random.permutation(order_key, n_examples))
    epoch, losses = state.epoch + 1, []
    state = replace(state, epoch=0)  # whose number is part of a compiled program
    for batch in range(n_examples // batch_size):
        chosen = order[batch * batch_size : (batch + 1) * batch_size]
        state, loss = update(state, chosen, jax.random.fold_in(key, batch))
        if not np.isfinite(loss):
            raise NotFiniteError(
                f"the loss of update {int(state.n_updates)}, in epoch {epoch}, is {loss}: "
                "training has diverged. Train again with a smaller optim.learning_rate"
            )
        losses.append(loss)
        on_batch()
    return replace(state, epoch=epoch), jnp.mean(jnp.stack(losses))
