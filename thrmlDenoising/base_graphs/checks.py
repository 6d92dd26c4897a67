"""Whether a manager keeps its promises: mistakes of one's own class, in words."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from thrmlDenoising.base_graphs.graph import BaseGraph
from thrmlDenoising.base_graphs.manager import AbstractBaseGraphManager
from thrmlDenoising.support.process_settings import changed_settings, library_settings


@library_settings()
def check_encoding(manager: AbstractBaseGraphManager) -> None:
    """Encodes every level at every pixel, decodes it again, and decodes codes that no level has.

    Raises:
        ValueError: `encode` or `decode` does not work under `jax.jit` or on other leading axes;
            bits or pixels of a wrong kind, shape or order; a level that does not come back.
    """
    n_pixels, n_levels = manager.n_pixels, manager.n_levels
    n_bits = _shape(manager.encode, (n_pixels,), jnp.uint8, bool)[-1]
    for leading in ((), (2, 3)):
        _expect(manager.encode, (*leading, n_pixels), jnp.uint8, (*leading, n_bits), bool)
        _expect(manager.decode, (*leading, n_bits), bool, (*leading, n_pixels), jnp.uint8)
    if n_bits != manager.n_image_bits:
        raise ValueError(
            f"{type(manager).__name__}.encode makes {n_bits} bits, but n_image_bits is "
            f"{manager.n_image_bits}: a class with another encoding says its own n_image_bits"
        )
    if n_bits % n_pixels:
        raise ValueError(
            f"{type(manager).__name__}.encode makes {n_bits} bits of {n_pixels} pixels: it must "
            "make as many of each"
        )
    levels = (np.arange(n_levels + 1)[:, None] + np.arange(n_pixels)) % (n_levels + 1)
    levels = levels.astype(np.uint8)
    codes = np.random.default_rng(0).random((16, n_bits)) < np.linspace(0, 1, 16)[:, None]
    lit = np.unique([0, n_pixels // 2, n_pixels - 1])
    images = np.zeros((len(lit) + 1, n_pixels), np.uint8)
    images[np.arange(len(lit)), lit] = n_levels
    again, of_codes, bits = (np.asarray(made) for made in _run(manager, levels, codes, images))
    _check_levels(manager, levels, again)
    _check_codes(manager, of_codes)
    _check_order(manager, lit, (bits[:-1] != bits[-1]).reshape(len(lit), n_pixels, -1))


def _run(
    manager: AbstractBaseGraphManager, levels: np.ndarray, codes: np.ndarray, images: np.ndarray
) -> tuple[Array, Array, Array]:
    """Levels there and back, codes decoded, images encoded: compiled once, to start quickly."""

    @jax.jit
    def run(levels: Array, codes: Array, images: Array) -> tuple[Array, Array, Array]:
        back = manager.decode(manager.encode(levels))
        return back, manager.decode(codes), manager.encode(images)

    return run(levels, codes, images)


def _check_levels(manager: AbstractBaseGraphManager, levels: np.ndarray, again: np.ndarray) -> None:
    wrong = again != levels
    if wrong.any():
        raise ValueError(
            f"{type(manager).__name__}.decode(encode(x)) must be x, but level {levels[wrong][0]} "
            f"came back as {again[wrong][0]} (graph.grayscale_levels={manager.n_levels})"
        )


def _check_codes(manager: AbstractBaseGraphManager, levels: np.ndarray) -> None:
    """A machine visits all codes, also those that no level has."""
    if levels.max() > manager.n_levels:
        raise ValueError(
            f"{type(manager).__name__}.decode made level {levels.max()} of some code, but "
            f"graph.grayscale_levels={manager.n_levels}: every code has to be a level from 0 on"
        )


def _check_order(manager: AbstractBaseGraphManager, lit: np.ndarray, changed: np.ndarray) -> None:
    """All bits of pixel 0 come first, then those of pixel 1, ..., so one pixel changes its own."""
    for pixel, bits_changed in zip(lit, changed, strict=True):
        pixels_changed = np.flatnonzero(bits_changed.any(axis=-1)).tolist()
        if pixels_changed != [pixel]:
            raise ValueError(
                f"{type(manager).__name__}.encode does not put all bits of pixel 0 first, then "
                f"those of pixel 1, ...: with pixel {pixel} bits of pixels {pixels_changed[:9]} "
                "change"
            )


def _expect(
    method: Callable[[Any], Array],
    shape: tuple[int, ...],
    kind: Any,
    wanted: tuple[int, ...],
    to: Any,
) -> None:
    made = _shape(method, shape, kind, to)
    if made != wanted:
        raise ValueError(
            f"{method.__qualname__} made an array {made} of one {shape}: it must make {wanted}, "
            "with any axes before the last as they were"
        )


def _shape(method: Callable[[Any], Array], shape: tuple[int, ...], kind: Any, to: Any) -> Any:
    """The shape of what a method makes of such an array, under `jax.jit`."""
    try:
        made = jax.eval_shape(method, jax.ShapeDtypeStruct(shape, kind))
        dtype, result = made.dtype, made.shape
    except Exception as error:
        raise ValueError(
            f"{method.__qualname__} fails under jax.jit on an array {shape}: {error}\nUse "
            f"jax.numpy in it, and keep any axes before the last as they are{_what_does_not_hold()}"
        ) from error
    if dtype != to:
        raise ValueError(
            f"{method.__qualname__} made {dtype} of an array {shape}: it must make "
            f"{jnp.dtype(to).name}"
        )
    return result


def _what_does_not_hold() -> str:
    """Settings that a method may count on."""
    changed = ", ".join(f"{name}={value}" for name, value in changed_settings().items())
    return f". It runs under JAX's own settings, not under {changed}" if changed else ""


def check_graph(manager: AbstractBaseGraphManager, graph: BaseGraph) -> None:
    """Holds a graph against the bits of its manager.

    Raises:
        ValueError: it is no `BaseGraph`, or has not one node for each image and label bit.
    """
    name = type(manager).__name__
    if not isinstance(graph, BaseGraph):
        raise ValueError(
            f"{name}.build_graph made a {type(graph).__name__}: it must return a BaseGraph; "
            "BaseGraph.untied makes one from edges, colours and visible nodes"
        )
    for role, nodes, n_bits in (
        ("image", graph.image_nodes, manager.n_image_bits),
        ("label", graph.label_nodes, manager.n_label_nodes),
    ):
        if nodes.shape != (n_bits,):
            raise ValueError(
                f"the graph has {role}_nodes of shape {nodes.shape}, but {name} has {n_bits} "
                f"{role} bits: build_graph must name the node of each, in their order"
            )
