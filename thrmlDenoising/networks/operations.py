"""What a network would cost on a graphics processor: its operations, at a stated energy each."""

from collections.abc import Callable
from typing import Any

import jax

JOULES_PER_OPERATION = 400 / 312e12
"""400 W at 312e12 operations a second: an NVIDIA A100 (SXM), bfloat16, at the peak of its data
sheet, which no program reaches. So it is a lower end, as the hardware model of the DTM is one."""


def n_operations(function: Callable[..., Any], *arguments: Any) -> float:
    """Floating-point operations of a call, as XLA counts them: a product and a sum are two.

    What a loop repeats is counted once, so call it with what is repeated.

    Example:
        >>> import jax.numpy as jnp
        >>> n_operations(jnp.matmul, jnp.ones((3, 4)), jnp.ones((4, 5)))
        120.0
    """
    analysis: Any = jax.jit(lambda *given: function(*given)).lower(*arguments).cost_analysis()
    return float(analysis["flops"])
