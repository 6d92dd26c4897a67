"""Where a model, or a part of one, is loaded from, in all the ways to say so."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from thrmlDenoising.support.hints import shown
from thrmlDenoising.support.paths import user_path


class Source(NamedTuple):
    """A checkpoint of a run, from which a model or one of its parts comes; epoch None is the last
    complete one.
    """

    run: str | Path
    epoch: int | None = None

    @classmethod
    def of(cls, path: str | Path, epoch: int | None = None) -> "Source":
        """A run folder and an epoch, or a checkpoint's own folder, such as `.../epoch_005`.

        Raises:
            ValueError: the folder is that of another epoch, or it is one step's file, or the epoch
                is no whole number.
        """
        epoch = _epoch(epoch)
        place = _Place.of(path)
        if place.step is not None:
            raise ValueError(
                f"{path} is one step of a model: give its run folder, or all steps as step_sources"
            )
        if None not in (epoch, place.epoch) and epoch != place.epoch:
            raise ValueError(f"{path} is the checkpoint of epoch {place.epoch}, not of {epoch}")
        return cls(place.run, place.epoch if epoch is None else epoch)

    @classmethod
    def parse(cls, source: Any, base: str | Path, index: int) -> "Source":
        """Where step `index` comes from, in any of the forms that `DTM.load` takes.

        Args:
            source: an epoch of the run `base`, a pair of a run and an epoch, a checkpoint's
                folder, or a step's file in it.

        Raises:
            ValueError: it is none of them, or the file of another step.
        """
        match source:
            case int() | np.integer() if not isinstance(source, bool):
                return cls(_Place.of(base).run, int(source))
            case (str() | Path() as run, epoch):
                return cls.of(run, epoch)
            case str() | Path() if (place := _Place.of(source)).epoch is not None:
                if place.step not in (None, index):
                    raise ValueError(
                        f"step_sources[{index}] is {source}, the file of step {place.step}: steps "
                        f"stand in their order, so give a step_{index:02d}.eqx there"
                    )
                return cls(place.run, place.epoch)
        raise ValueError(
            f"step source {shown(source)} is neither an epoch, such as 5, nor a run and an epoch, "
            "such as ('model_logging_and_saving/run_20261122_101500', 5), nor a checkpoint or a "
            f"step's file in it, such as 'RUN/model_saving/epoch_005/step_{index:02d}.eqx'"
        )


class _Place(NamedTuple):
    """What a path leads to: a run, one of its checkpoints, or one step in a checkpoint."""

    run: Path
    epoch: int | None = None
    step: int | None = None

    @classmethod
    def of(cls, path: str | Path) -> "_Place":
        resolved = user_path(path).resolve()
        step = _number("step_", resolved.name.removesuffix(".eqx"))
        folder = resolved if step is None else resolved.parent
        is_run = (folder / "model_saving").is_dir()  # whatever somebody has called it
        epoch = None if is_run else _number("epoch_", folder.name)
        return cls(Path(path)) if epoch is None else cls(folder.parent, epoch, step)


def _epoch(given: Any) -> int | None:
    """An epoch as given; True, 2.0 and "2" are none.

    Raises:
        ValueError: it is no whole number.
    """
    if given is None:
        return None
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool):
        return int(given)
    raise ValueError(
        f"epoch={shown(given)} is no epoch: give a whole number, such as 5, or None for the last "
        "checkpoint"
    )


def _number(prefix: str, name: str) -> int | None:
    """The number of a file or folder that is called by this word and a number."""
    match = re.fullmatch(rf"{prefix}([0-9]{{1,9}})", name)
    return int(match[1]) if match else None
