"""What a model learns and how well it does: its data, its labels, its measurements."""

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Key

from thrmlDenoising.config import DTMConfig
from thrmlDenoising.data import (
    ImageDataset,
    Split,
    class_positions,
    load_dataset,
    one_hot_labels,
)
from thrmlDenoising.diffusion import Annealing, Noised
from thrmlDenoising.evaluation import (
    AutocorrelationCurve,
    ClassImages,
    NearestCentroids,
    Protocol,
    measure_autocorrelation,
)
from thrmlDenoising.sampling import Schedule
from thrmlDenoising.training.model_step import ModelStep, chain_of

Mode = Literal["free", "clamped"]


class Task:
    """The data set of a config, and the measurements it asks for."""

    def __init__(self, cfg: DTMConfig) -> None:
        self._cfg = cfg
        n_classes = len(cfg.target_classes)
        self.one_hot_labels: Bool[np.ndarray, "class label_node"] = one_hot_labels(
            np.arange(n_classes), n_classes, cfg.graph.num_label_spots
        )
        generation = cfg.generation
        self._annealing = Annealing(
            generation.generation_beta_start,
            generation.generation_beta_end,
            generation.steps_warmup,
        )

    @cached_property
    def dataset(self) -> ImageDataset:
        """The images, read when first needed."""
        data = self._cfg.data
        return load_dataset(
            data.dataset_name,
            target_classes=data.target_classes,
            n_levels=self._cfg.graph.grayscale_levels,
            pixel_threshold=data.pixel_threshold_for_single_trials,
            data_dir=data.data_dir,
        )

    def clean(self, split: Split) -> Noised:
        """Images and labels before any noise."""
        labels = self.one_hot_labels[split.classes]
        return Noised(jnp.asarray(split.pixels), jnp.asarray(labels))

    def label_bits(self, labels: int | Sequence[int], n: int) -> Bool[Array, "image label_node"]:
        """The label nodes of n images of these classes, numbered as in the data set.

        Raises:
            ValueError: an unknown class, a wrong number of labels, or a model without labels.
        """
        self._check_labelled()
        wanted = class_positions(labels, self._cfg.target_classes)
        if n < 1:
            raise ValueError(f"{n} images asked for: generate at least 1")
        if wanted.shape not in ((), (n,)):
            raise ValueError(f"{wanted.size} labels for {n} images: give one, or one for each")
        return jnp.asarray(self.one_hot_labels[np.broadcast_to(wanted, n)])

    def schedule(self, steps_per_sample: int | None = None) -> Schedule:
        """The schedule of generation, looking at the last sweep or at every so many."""
        return self._annealing.schedule(steps_per_sample)

    def generate(
        self,
        key: Key[Array, ""],
        steps: Sequence[ModelStep],
        mode: Mode,
        n_per_class: int,
        schedule: Schedule,
    ) -> ClassImages:
        """Images of every class, with all observed states.

        Raises:
            ValueError: clamped labels of a model without labels.
        """
        if mode == "clamped":
            self._check_labelled()
        labels, clamped = self.one_hot_labels, mode == "clamped"
        return ClassImages.generate(key, chain_of(steps), n_per_class, labels, clamped, schedule)

    def accuracy(self, images: ClassImages) -> float:
        """Per cent of images whose nearest held-out class centroid is that of their label."""
        return images.accuracy(self._judge)

    def autocorrelation(self, key: Key[Array, ""], step: ModelStep) -> AutocorrelationCurve:
        """How slowly a step's chains forget, by the config's protocol."""
        protocol = {
            "replication": Protocol.replication(
                self._annealing.beta_start, self._annealing.beta_end
            ),
            "stationary": Protocol.stationary(self._cfg.sampling.training_beta),
        }[self._cfg.exp.autocorr_protocol]
        test_images = self.clean(self.dataset.test)
        n_sweeps = self._annealing.n_sweeps
        return measure_autocorrelation(
            key, step.diffusion, step.model, test_images, protocol, n_sweeps
        )

    @cached_property
    def _judge(self) -> NearestCentroids:
        return NearestCentroids.fit(*self.dataset.test)

    def _check_labelled(self) -> None:
        if not self._cfg.n_label_nodes:
            raise ValueError(
                "this model has no labels (graph.num_label_spots=0), so none can be clamped: "
                "generate free images"
            )
