"""Training batches that a user's own code makes on the way, where they would not fit memory."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax.numpy as jnp

from thrmlDenoising.data import as_bytes, level_table
from thrmlDenoising.families.dtm.config import DTMConfig
from thrmlDenoising.families.dtm.labels import labels_of
from thrmlDenoising.processes.bit_flips import LabelledImages

Batches = Iterable[Any] | Callable[..., Iterable[Any]]
"""An iterator goes on where the last epoch left it; any other iterable, such as a list or a data
loader, starts anew with every epoch; a function returns the batches of an epoch, and is given the
epoch's number if it needs an argument."""

_END = object()


class Stream:
    """A user's batches, checked and turned into grey levels and label nodes one at a time.

    Args:
        batches: of `(images, classes)`, `(images, conditions)` or, for a model without labels,
            images alone; see `Batches` and `DTM.train`.

    Raises:
        ValueError: it is no source of batches, or chains would have to be remembered per example.
    """

    def __init__(self, batches: Batches, cfg: DTMConfig) -> None:
        if not (isinstance(batches, Iterable) or callable(batches)):
            raise ValueError(
                f"batches of type {type(batches).__name__}: give an iterable of batches, or a "
                "function that returns one for every epoch"
            )
        if cfg.sampling.negative_start == "persistent":
            raise ValueError(
                "sampling.negative_start='persistent' goes on with the chains of the same examples "
                "an epoch later, but a stream need not show any of them again: use 'fresh' or "
                "'data'"
            )
        self._batches, self._cfg = batches, cfg
        self._labels = labels_of(cfg)
        threshold = cfg.data.pixel_threshold_for_single_trials
        self._level_of = level_table(cfg.graph.grayscale_levels, threshold)

    def __str__(self) -> str:
        """What the user gave, for the log: its name or type, never its content."""
        return getattr(self._batches, "__qualname__", type(self._batches).__qualname__)

    def epoch(self, epoch: int) -> Iterator[LabelledImages]:
        """The batches of an epoch; no more of them are read than it needs.

        Raises:
            ValueError: a batch is not as it should be, or there are too few.
        """
        n_batches = self._cfg.n_batches
        batches = _theirs(lambda: self._batches_of(epoch), f"epoch {epoch}")
        for number in range(1, n_batches + 1):
            place = f"batch {number} of epoch {epoch}"
            batch = _theirs(lambda: next(batches, _END), place)
            if batch is _END:
                raise ValueError(
                    f"the stream ended after {number - 1} batches of epoch {epoch}, but an epoch "
                    f"has {n_batches}: make it longer, or set sampling.batches_per_epoch. An "
                    "iterator cannot start again: for that give a function that returns one"
                )
            try:
                noised = self._read(batch)
            except ValueError as error:
                raise ValueError(f"{place} of the stream: {error}") from None
            yield noised

    def _batches_of(self, epoch: int) -> Iterator[Any]:
        batches = self._batches
        if not isinstance(batches, Iterable):
            batches = batches(epoch) if _needs_an_argument(batches) else batches()
            if not isinstance(batches, Iterable):
                raise ValueError(
                    f"the function of batches returned a {type(batches).__name__}: it has to "
                    "return an iterable of the batches of an epoch"
                )
        return iter(batches)

    def _read(self, batch: Any) -> LabelledImages:
        """A user's batch as clean images and labels."""
        images, *given = batch if isinstance(batch, tuple | list) and len(batch) else (batch,)
        pixels = as_bytes(images)
        shape = (self._cfg.batch_size, *self._cfg.image_shape)
        if pixels.shape != shape:
            raise ValueError(
                f"images of shape {pixels.shape}: sampling.batch_size and the data set ask for "
                f"{shape}"
            )
        labels = self._labels.of_batch(given, len(pixels))
        levels = self._level_of[pixels].reshape(len(pixels), -1)
        return LabelledImages(jnp.asarray(levels), jnp.asarray(labels))


def _needs_an_argument(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return True
    except ValueError:  # a builtin that does not tell
        return False
    return False


def _theirs(call: Callable[[], Any], place: str) -> Any:
    """What a user's code returns; an exception of it says that it is theirs."""
    try:
        return call()
    except Exception as error:
        error.add_note(f"raised by the stream of batches given to train, at {place}")
        raise
