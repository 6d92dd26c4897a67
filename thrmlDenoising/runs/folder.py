"""Where the files of a run lie."""

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Self

from thrmlDenoising.support.files import refuse_linked_folders
from thrmlDenoising.support.hints import shortened, shown

_LONGEST_DESCRIPTOR = 200  # bytes; file systems allow 255 for a name, the time stamp included


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run. Nothing is made on disk before `create`.

    Attributes:
        root: the folder of the run.
        descriptor: the user's word for the run, part of the name of the training log; may be empty.

    Raises:
        ValueError: the descriptor cannot be part of a file name.
    """

    root: Path
    descriptor: str = ""

    def __post_init__(self):
        _check_descriptor(self.descriptor)

    @classmethod
    def new(cls, base_dir: Path, descriptor: str, now: datetime) -> Self:
        """Plan `base_dir/{descriptor}_{timestamp}`, with _2, _3, ... added while the name is taken.

        An empty descriptor gives `run_{timestamp}`.
        """
        _check_descriptor(descriptor)
        base_dir = base_dir.absolute()  # the run stays in one place if the program moves on
        name = f"{descriptor or 'run'}_{now:%Y%m%d_%H%M%S}"
        names = (name if attempt == 1 else f"{name}_{attempt}" for attempt in count(1))
        root = next(path for path in (base_dir / name for name in names) if not path.exists())
        return cls(root, descriptor)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The run at `path`: its folder, or the `model_saving` folder inside it.

        Raises:
            FileNotFoundError: there is no run.
            ValueError: its descriptor is ambiguous.
        """
        path = path.absolute()
        candidates = (path.parent, path) if path.name == "model_saving" else (path,)
        root = next((root for root in candidates if cls(root).config.is_file()), None)
        if root is None:
            reason = "there is no such folder" if not path.exists() else "it is no run folder"
            raise FileNotFoundError(
                f"No run at {path}: {reason}. Give the folder a training run made "
                "({descriptor}_{timestamp}, holding model_saving/config.yaml) or the model_saving "
                f"folder inside it.{_runs_inside(path)}"
            )
        descriptor = _descriptor_of(root)
        try:
            return cls(root, descriptor)
        except ValueError as error:
            raise ValueError(f"{root}: its training log is of no run: {error}") from error

    def create(self) -> None:
        """Make the folder and its sub-folders.

        Raises:
            FileExistsError: the folder exists.
        """
        try:
            self.root.mkdir(parents=True)
        except FileExistsError as error:
            raise FileExistsError(
                f"{self.root} exists already, and a new run never writes into the folder of "
                "another: choose another descriptor or output directory, or resume that run."
            ) from error
        for folder in self.sub_folders:
            folder.mkdir()

    def refuse_links(self) -> None:
        """Checks that no folder of the run is a link: writing there would write elsewhere.

        Raises:
            OSError: one is.
        """
        refuse_linked_folders(self.root)

    @property
    def sub_folders(self) -> tuple[Path, ...]:
        """The folders that a run has from its start."""
        return self.images, self.gifs, self.model_saving

    @property
    def missing(self) -> list[Path]:
        """What a run has from its start, and this one not: something has deleted it."""
        parts = (self.root, self.training_log, self.config, *self.sub_folders)
        return [path for path in parts if not path.exists()]

    @property
    def training_log(self) -> Path:
        """Text log of the run."""
        return self.root / f"training_log{'_' if self.descriptor else ''}{self.descriptor}.txt"

    @property
    def metrics_csv(self) -> Path:
        """Table of what was measured, one row an epoch."""
        return self.root / "metrics.csv"

    @property
    def lock(self) -> Path:
        """There while a process writes into the run."""
        return self.root / ".lock"

    @property
    def images(self) -> Path:
        """Folder of the image grids."""
        return self.root / "images"

    @property
    def gifs(self) -> Path:
        """Folder of the animations."""
        return self.root / "gifs"

    @property
    def fid_vs_epoch(self) -> Path:
        """Plot of the image metric over the epochs."""
        return self.root / "fid_vs_epoch.png"

    @property
    def model_saving(self) -> Path:
        """Folder of the configuration and the checkpoints."""
        return self.root / "model_saving"

    @property
    def config(self) -> Path:
        """The configuration the run was started with."""
        return self.model_saving / "config.yaml"

    def evaluation(self, epoch: int) -> Path:
        """Everything measured on the images of an epoch, as JSON."""
        return self.root / "evaluations" / f"epoch{epoch}.json"

    def full_evaluation(self, epoch: int) -> Path:
        """What the evaluation command has measured at an epoch, as JSON."""
        return self.root / "evaluations" / f"epoch{epoch}_full.json"

    def display(self, epoch: int) -> Path:
        """Folder of what the display command has drawn of an epoch."""
        return self.root / f"display_epoch{epoch}"

    def image(self, epoch: int, mode: str) -> Path:
        """The image grid of an epoch; `mode` is "free" or "clamped"."""
        return self.root / image_name(epoch, mode)

    def gif(self, epoch: int, mode: str) -> Path:
        """The animation of an epoch; `mode` is "free" or "clamped"."""
        return self.root / gif_name(epoch, mode)


def image_name(epoch: int, mode: str) -> str:
    """Where in a run folder the picture of an epoch is: of `mode` "free" or "clamped" what was
    generated; "tails" of points.
    """
    return f"images/epoch{epoch}_{mode}.png"


def gif_name(epoch: int, mode: str) -> str:
    """Where in a run folder the animation of an epoch is; `mode` is "free" or "clamped"."""
    return f"gifs/epoch{epoch}_{mode}.gif"


def _check_descriptor(descriptor: str) -> None:
    if descriptor == "":
        return
    if not re.fullmatch(r"\w[\w.+=,-]*", descriptor):
        raise ValueError(
            f"descriptor={shown(descriptor)} cannot be part of a file name: start it with a "
            "letter, a digit or _ and go on with letters, digits and any of _ . + = , -"
        )
    if len(descriptor.encode()) > _LONGEST_DESCRIPTOR:
        raise ValueError(
            f"descriptor of {len(descriptor.encode())} bytes is too long for a file name: use at "
            f"most {_LONGEST_DESCRIPTOR}. It begins {descriptor[:40]!r}"
        )


def _descriptor_of(root: Path) -> str:
    logs = sorted(root.glob("training_log*.txt"))
    if len(logs) > 1:
        names = shortened(", ".join(log.name for log in logs))
        raise ValueError(
            f"{root} holds {len(logs)} training logs ({names}), so "
            "the run's descriptor is ambiguous: leave only the run's own there."
        )
    return logs[0].stem.removeprefix("training_log").removeprefix("_") if logs else ""


def _runs_inside(path: Path) -> str:
    """A hint for who gave the folder of all runs instead of one run."""
    runs = sorted(config.parent.parent.name for config in path.glob("*/model_saving/config.yaml"))
    return f" Runs inside {path.name}: {shortened(', '.join(runs), 2000)}." if runs else ""
