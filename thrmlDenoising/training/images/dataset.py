"""The images that a config describes."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from thrmlDenoising.config import ImageConfig
from thrmlDenoising.data import ImageDataset, OwnData, load_dataset


def check_same_images(cfg: ImageConfig, own_data: OwnData | None) -> None:
    """Checks that a user's own images, if given, are those of the config.

    Raises:
        ValueError: the config describes others.
    """
    if own_data is not None:
        own_data.check_described_by(asdict(cfg.data))


def read_dataset(cfg: ImageConfig, own_data: OwnData | None) -> ImageDataset:
    """The images of a config, which for a user's own ones have to be given.

    Raises:
        ValueError: they are not; or see `load_dataset`.
        FileNotFoundError, ImportError: see `load_dataset`.
    """
    return _reader(cfg, own_data)(
        target_classes=cfg.data.target_classes,
        n_levels=cfg.n_levels,
        pixel_threshold=cfg.data.pixel_threshold_for_single_trials,
    )


def _reader(cfg: ImageConfig, own_data: OwnData | None) -> Callable[..., ImageDataset]:
    if own_data is not None:
        return own_data.quantised
    if cfg.data.is_own:
        raise ValueError(
            f"the images {cfg.data.dataset_name!r} are a user's own and not kept with a run, but "
            "training and measuring need them: give them in Python, as in DTM(cfg, "
            "data=OwnImages(...)) or DTM.load(run, data=OwnImages(...))"
        )
    return partial(load_dataset, cfg.data.dataset_name, data_dir=cfg.data.data_dir)
