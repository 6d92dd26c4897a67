"""Saving a model, and opening what was saved."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from thrmlDenoising.config import Config, Named
from thrmlDenoising.config.config import LARGEST_FILE
from thrmlDenoising.runs import (
    MANIFEST,
    History,
    Manifest,
    PartIdentity,
    RunFolder,
    checkpoint_path,
    damaged,
    read_part,
    save_checkpoint,
    write_part,
)
from thrmlDenoising.runs.manifest import sha256_of
from thrmlDenoising.support.hints import shortened, shown
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.support.reading import decoded
from thrmlDenoising.training.model import Model, State
from thrmlDenoising.training.source import Source

_LARGEST_HISTORY = 2**25
"""Bytes: twenty thousand epochs of ten parts."""

_CONFIG, _HISTORY = "config.yaml", "history.json"

P = TypeVar("P")


class SavedRun(NamedTuple):
    """A checkpoint whose files are all there, with the config and the history it was saved with.

    Every file is held against the manifest when it is read.
    """

    model_type: type[Model]
    run: Path
    folder: Path
    cfg: Any
    history: History
    checkpoint: Manifest

    @classmethod
    def open(
        cls, model_type: type[Model], source: Source, classes: Sequence[Named] = ()
    ) -> "SavedRun":
        """Finds a checkpoint, reads its config and its history, and looks at all other files.

        Args:
            model_type: of the family that the run has to be of.
            classes: own classes and functions that its config may name, see `Config.from_yaml`.

        Raises:
            FileNotFoundError: there is no such run or checkpoint.
            ValueError: it is a run of another family.
            CheckpointError: the checkpoint is damaged, or its files are not those of its config.
        """
        run = RunFolder.open(user_path(source.run))
        model_type.check_run(run)
        folder = checkpoint_path(run.model_saving, source.epoch)
        checkpoint = Manifest.read(folder)
        cfg = _read_config(checkpoint, model_type.config_type, classes)
        checkpoint.check_names(_files_of(model_type, cfg))
        history = _read_history(checkpoint)
        return cls(model_type, run.root, folder, cfg, history, checkpoint)

    @property
    def _names(self) -> tuple[str, ...]:
        return self.model_type.part_names(self.cfg)

    @property
    def stitched(self) -> bool:
        """Whether its parts came from several checkpoints, and may be of several epochs."""
        return is_stitched(self.history, self.checkpoint.epoch)

    def part(self, index: int, like: P) -> P:
        """The state of a part; `like` is one of the same shapes.

        Raises:
            CheckpointError: it does not fit, or is another part, or of another epoch.
        """
        name = _state_file(self._names[index])
        part, identity = read_part(self.checkpoint, name, like)
        if identity is None and self.checkpoint.steps_identified:
            raise self.damaged_part(index, "it does not say which step it is")
        if problem := identity and self._identity_problem(index, identity):
            raise self.damaged_part(index, problem)
        return part

    def damaged_part(self, index: int, problem: str) -> ValueError:
        """The error about a part in which something is wrong."""
        name = self._names[index]
        in_words = re.sub(r"_0*(\d+)$", r" \1", name)  # step_01 is step 1
        what = f"{in_words} of epoch {self.checkpoint.epoch}: {problem}"
        return damaged(self.folder, _state_file(name), what)

    def _identity_problem(self, index: int, found: PartIdentity) -> str | None:
        static = self.model_type.static_files(self.cfg)
        graph = self.checkpoint.files[static[index]].sha256 if static else ""
        wanted = _identity(index, len(self._names), self.checkpoint.epoch, self.history)
        wanted = wanted._replace(graph=graph)
        for name in ("step", "n_steps", "epoch", "graph"):
            said, value = getattr(found, name), getattr(wanted, name)
            if said != value:
                return f"it says that its {name} is {shown(said)}, where {shown(value)} belongs"
        if (found.stitched, found.recorded) != (wanted.stitched, wanted.recorded):
            return "history.json begins or ends at another epoch than when it was saved"
        return None


def save_model(
    model_saving: Path,
    model: Model,
    state: State,
    history: History,
    made_with: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a checkpoint, whole or not at all; returns its folder.

    Args:
        made_with: what the model may depend on besides the config, for the manifest.

    Raises:
        OSError: the disk does not take it; earlier checkpoints stay as they are.
        ValueError: its history is longer than one that is read again.
    """
    text = history.to_json()
    if len(text) > _LARGEST_HISTORY:  # it is ASCII
        raise ValueError(
            f"the history of {len(history.records)} epochs takes {len(text):,} bytes, and one of "
            f"more than {_LARGEST_HISTORY:,} is not read again, so epoch {state.epoch} is not "
            "saved: measure less often or fewer metrics; earlier checkpoints are as they were"
        )
    names, static = model.part_names(model.cfg), model.static_files(model.cfg)

    def write(folder: Path) -> None:
        model.cfg.save(folder / _CONFIG)
        (folder / _HISTORY).write_text(text, encoding="utf-8")
        model.write_static(folder)
        for index, (name, part) in enumerate(zip(names, model.split(state), strict=True)):
            identity = _identity(index, len(names), state.epoch, history)
            if static:
                identity = identity._replace(graph=sha256_of(folder / static[index]))
            write_part(folder / _state_file(name), part, identity)

    return save_checkpoint(model_saving, state.epoch, write, made_with)


def is_stitched(history: History, epoch: int) -> bool:
    """Whether the parts of a model come from several checkpoints, and may be of several epochs.

    The history of a stitched model begins where it was stitched, that of any other at epoch 0.
    """
    first = history.records[0].epoch if history.records else epoch
    return first > 0


def _identity(index: int, n_parts: int, epoch: int, history: History) -> PartIdentity:
    recorded = history.last.epoch if history.last else -1
    return PartIdentity(index, n_parts, epoch, is_stitched(history, epoch), recorded)


def _state_file(name: str) -> str:
    return f"{name}.eqx"


def _files_of(model_type: type[Model], cfg: Config) -> set[str]:
    """The names of all files of a checkpoint."""
    parts = map(_state_file, model_type.part_names(cfg))
    return {_CONFIG, _HISTORY, *parts, *model_type.static_files(cfg)}


def _read_config(
    checkpoint: Manifest, config_type: type[Config], classes: Sequence[Named]
) -> Config:
    """The config of a checkpoint.

    Raises:
        CheckpointError: it is not as it was written.
        ValueError: it is no valid config; names the file.
    """
    path = checkpoint.folder / _CONFIG
    if _CONFIG not in checkpoint.files:
        raise damaged(checkpoint.folder, MANIFEST, f"it leaves out {_CONFIG!r}")
    # What was held against the manifest is parsed: the file may change meanwhile.
    content = checkpoint.read_file(_CONFIG, LARGEST_FILE)
    return config_type.from_file(path, decoded(content, path), classes)


def _read_history(checkpoint: Manifest) -> History:
    """The history of a checkpoint, which has to end with its epoch.

    One of an own making may go further; then the parts beside it know where it ends.

    Raises:
        CheckpointError: it is damaged, or that of another epoch.
    """
    content = checkpoint.read_file(_HISTORY, _LARGEST_HISTORY)
    try:
        history = History.from_json(decoded(content, checkpoint.folder / _HISTORY))
    except ValueError as error:
        raise damaged(checkpoint.folder, _HISTORY, shortened(error)) from error
    last = history.last
    if last is None or last.epoch == checkpoint.epoch:
        return history
    if not checkpoint.steps_identified or last.epoch < checkpoint.epoch:
        what = f"it ends with epoch {last.epoch}, but the checkpoint is of {checkpoint.epoch}"
        raise damaged(checkpoint.folder, _HISTORY, what)
    return history
