"""Denoising Thermodynamic Models: the class a user works with.

    from thrmlDenoising.DTM import DTM

    dtm = DTM()                                 # one step, at dtm-replication's defaults
    dtm.train(n_epochs=50, evaluate_every=5)
    images = dtm.sample(10, labels=7)           # ten sneakers

A model is a chain of steps. Each is an Ising machine that undoes one stretch of a process that
turns images into noise; generation runs them from the noisiest to the cleanest. What a DTM is
stands in `thrmlDenoising.families.dtm`; what it shares with other models at work, training into
run folders, measuring, saving and loading, in
`thrmlDenoising.training.trainable`.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from jaxtyping import ArrayLike, Int, Shaped, UInt8

from thrmlDenoising.base_graphs import AbstractBaseGraphManager
from thrmlDenoising.config import Named
from thrmlDenoising.config.fields import Must, checked
from thrmlDenoising.data import Mode, OwnData
from thrmlDenoising.families.dtm.config import DTMConfig
from thrmlDenoising.families.dtm.diagnosing import diagnostics_of
from thrmlDenoising.families.dtm.hardware_energy import HardwareEnergy
from thrmlDenoising.families.dtm.images import ClassImages
from thrmlDenoising.families.dtm.mixing import Mixing
from thrmlDenoising.families.dtm.model import DTMModel
from thrmlDenoising.families.dtm.model_step import ModelStep
from thrmlDenoising.families.dtm.replication_names import ReplicationNames
from thrmlDenoising.families.dtm.state import DTMState
from thrmlDenoising.families.dtm.stitching import check_sources, open_sources, stitched_state
from thrmlDenoising.runs import RunFolder, run_used_alone
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.support.process_settings import library_settings
from thrmlDenoising.training.images import ImageTrainable
from thrmlDenoising.training.images.generating import asked_classes
from thrmlDenoising.training.keys import UserKey, checked_key
from thrmlDenoising.training.results import AUTOCORRELATION
from thrmlDenoising.training.source import Source

_SAMPLES = Annotated[
    int, Must("of at least 2, as one has no later one to compare with,", lambda n: n >= 2)
]


class DTM(ReplicationNames, ImageTrainable[DTMModel, DTMState]):
    """A Denoising Thermodynamic Model: build it from a config, train it, sample it, load it.

    Args:
        cfg: the hyperparameters; one step at dtm-replication's defaults if left out.
        base_dir: where run folders are made.
        data: images of your own, `OwnImages` or a `ToySet`, which `cfg` describes:
            `make_cfg(data=data.cfg)`.

    Raises:
        ValueError: the config describes other images than `data`.
    """

    model_type = DTMModel

    @property
    def cfg(self) -> DTMConfig:
        """The hyperparameters."""
        return self.model.cfg

    # ------------------------------------------------------------------ what a user reads

    @property
    def steps(self) -> list[ModelStep]:
        """The steps of the chain, the cleanest first."""
        measured: dict[int, Any] = self.history.of_parts(AUTOCORRELATION) | self._measured
        return [
            ModelStep(*step, {epoch: values[index] for epoch, values in measured.items()})
            for index, step in enumerate(
                zip(self.model.graphs, self.model.steps, self.state.steps, strict=True)
            )
        ]

    @cached_property
    def _measured(self) -> dict[int, list[float]]:
        """Autocorrelations that were asked for by hand, by epoch."""
        return {}

    @property
    def manager(self) -> AbstractBaseGraphManager:
        """How pixels become Ising nodes, and how these are joined."""
        return self.model.manager

    # ------------------------------------------------------------------ images

    @library_settings()
    def sample(
        self,
        n: int,
        labels: int | Sequence[int] | Int[np.ndarray, " n"] | None = None,
        key: UserKey | None = None,
        conditions: Shaped[ArrayLike, "*n bit"] | None = None,
    ) -> UInt8[np.ndarray, "n row column"]:
        """Generates n images of grey levels 0..n_grayscale_levels.

        Args:
            labels: the class wanted, or one for each image, numbered as in the data set;
                None lets the model choose.
            key: the same key gives the same images, whatever kind of key; left out, it is made
                from `exp.seed`.
            conditions: in place of labels, where the model is conditioned on bits: one condition,
                or one for each image.

        Raises:
            ValueError: a class the model does not know, a wrong number of labels or bits, or
                labels where there are conditions.
        """
        bits = self.model.labels.asked_for(n, labels=labels, conditions=conditions)
        generated = self.model.run(self.state, self._sample_key(key), n, bits)
        return np.asarray(generated.last_states.pixels[-1]).reshape(n, *self.cfg.image_shape)

    @library_settings()
    def class_images(self, key: UserKey, mode: Mode, n_per_class: int) -> ClassImages:
        """Generates images of every class, labels "free" or "clamped", with all their states."""
        model, key = self.model, checked_key(key)
        n, classes = asked_classes(model, mode, n_per_class)
        bits = None if classes is None else model.clamped_bits(classes)
        generated = model.run(self.state, key, n, bits)
        return ClassImages(generated, range(model.n_classes), model.labels.n_voted)

    # ------------------------------------------------------------------ measuring

    @library_settings()
    def mixing(self) -> list[Mixing]:
        """How fast every step's chains mix: integrated time, effective samples, slowest decay."""
        return self.model.mixing(self.state)

    def hardware_energy(self, e_cell: str = "figure_1") -> HardwareEnergy:
        """What a sample would cost on the paper's hardware, with each part; see its docstring.

        Args:
            e_cell: which of the quoted energies of a cell: "figure_1", "text" or "program".
        """
        return self.model.hardware_energy(e_cell)

    @library_settings()
    def compute_autocorr(
        self, epoch: int | None = None, n_samples: int | None = None
    ) -> list[float]:
        """Measures every step's autocorrelation.

        Args:
            epoch: the model's epoch, to draw the curves against the lag and to remember the
                values in `steps[i].autocorrelations`; left out, they are returned only.
            n_samples: of each chain; `generation.steps_warmup` if left out, as the thresholds of
                the adaptive controllers expect.

        Raises:
            ValueError: the model is at another epoch, or less than 2 samples.
        """
        if epoch is not None:
            self._check_epoch(epoch)
        n_samples = checked("n_samples", n_samples, _SAMPLES | None)
        curves = self.model.autocorrelations(self.state, n_samples)
        values = [curve.tail for curve in curves]
        if epoch is not None:
            recorder = self.open_run()
            with run_used_alone(recorder.folder):
                recorder.pictures(diagnostics_of(epoch, curves).pictures)
            self._measured[epoch] = values
        return values

    # ------------------------------------------------------------------ loading

    @classmethod
    @library_settings()
    def load(  # pyright: ignore[reportIncompatibleMethodOverride]  # dtm-replication's order
        cls,
        base_path: str | Path,
        epoch: int | None = None,
        step_sources: Sequence[Source | tuple[str | Path, int | None] | str | Path | int]
        | Int[np.ndarray, " step"]
        | None = None,
        data: OwnData | None = None,
        classes: Sequence[Named] = (),
    ) -> Self:
        """Loads a model from a run folder.

        Training it further writes into a new run folder beside the old one; to go on in the old
        one, use `train(resume=...)`.

        Args:
            base_path: the run folder, the `model_saving` folder in it, or a checkpoint's folder.
            epoch: which checkpoint; None for the last complete one.
            step_sources: for a stitched ("Frankenstein") model, where each step comes from: an
                epoch of this run, a run and an epoch of it, a checkpoint's folder, or the step's
                file in one, `RUN/model_saving/epoch_005/step_00.eqx`. The config is that of
                `base_path`.
            data: the images of a run on images of your own, to train on or to measure; nobody
                needs them to generate images.
            classes: own classes and functions that the config names, such as a base-graph manager
                or a feature extractor. Loading imports none: another one has to be imported.

        Raises:
            FileNotFoundError: there is no such run or checkpoint.
            ValueError: a checkpoint is damaged, the runs are not compatible (names the fields),
                `data` are other images, or the config names a class that is not known here.
        """
        if step_sources is None:
            return super().load(base_path, epoch, data=data, classes=classes)
        sources = open_sources(base_path, epoch, step_sources, classes)
        base = RunFolder.open(user_path(Source.of(base_path).run))
        cfg = DTMConfig.load(base.config, classes)
        check_sources(cfg, sources)
        dtm = cls(DTMModel.of_steps(cfg, sources, data), base.root.parent)
        dtm._state = stitched_state(dtm.model, sources)
        dtm._origin = f"stitched from {', '.join(str(source.folder) for source in sources)}"
        return dtm
