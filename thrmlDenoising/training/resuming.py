"""Whether a run goes on as it began."""

from pathlib import Path
from typing import Any

from thrmlDenoising.config import Config
from thrmlDenoising.runs import History, RunFolder
from thrmlDenoising.support.hints import shown


def check_resumable(cfg: Config, began: Config, run: Path) -> None:
    """Checks that `cfg` continues a run as it began.

    Raises:
        ValueError: it does not; names the fields that differ.
    """
    differing = {
        name: values
        for name, values in cfg.differing(began).items()
        if name not in cfg.free_to_change
    }
    if differing:
        raise ValueError(
            f"cannot resume {run}: its config differs in {differences_in_words(differing)}. "
            f"Start from its own config, {type(cfg).__name__}.load({str(RunFolder(run).config)!r})"
            ", or train into a new folder."
        )


def check_same_source(streamed: bool, began: History, run: Path) -> None:
    """Checks that a run goes on with what its last epoch was trained on.

    Args:
        streamed: whether it would now be given a stream of batches.

    Raises:
        ValueError: it would be a stream after images in memory, or the other way round.
    """
    last = began.last
    if last and last.streamed and not streamed:
        raise ValueError(
            f"{run} was trained on a stream of batches, which a run does not keep: give it again, "
            "train(resume=..., batches=...), or load the run and train it on, into a new folder"
        )
    if streamed and last and last.epoch > 0 and not last.streamed:
        raise ValueError(
            f"{run} was trained on the images of its data set, and resuming it on a stream of "
            "batches would be another training: leave out batches, or load the run and train it "
            "on, into a new folder"
        )


def differences_in_words(differing: dict[str, tuple[Any, Any]]) -> str:
    """Fields whose values differ, here and there."""
    return ", ".join(
        f"{name} ({shown(there)} there, {shown(here)} here)"
        for name, (here, there) in differing.items()
    )
