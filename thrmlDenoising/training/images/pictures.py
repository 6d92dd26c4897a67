"""Pictures of generated images, as the run folder keeps them."""

from functools import partial
from pathlib import Path

from thrmlDenoising.config import ImageConfig
from thrmlDenoising.data import Mode
from thrmlDenoising.plots import draw_grid, write_gif
from thrmlDenoising.runs import gif_name
from thrmlDenoising.training.images.generating import Animation, Grid, animate
from thrmlDenoising.training.images.maker import ImageMaker
from thrmlDenoising.training.model import State
from thrmlDenoising.training.results import Draw


def grid_picture(cfg: ImageConfig, grid: Grid, mode: Mode) -> Draw:
    """Images of every class on their way."""
    return lambda path: draw_grid(*grid, *_facts(cfg), path, _titles(cfg, mode))


def write_animation(cfg: ImageConfig, animation: Animation, mode: Mode, path: Path) -> None:
    """Images on their way, frame by frame."""
    samples, classes = animation
    frames, votes, captions = samples.frames, samples.drawn_votes, samples.captions
    titles = _titles(cfg, mode)
    write_gif(frames, votes, captions, *_facts(cfg), path, titles, classes=classes)


def animations(model: ImageMaker, state: State) -> dict[str, Draw]:
    """Images on their way in every mode, generated when they are drawn."""
    return {
        gif_name(state.epoch, mode): partial(_animate, model, state, mode) for mode in model.modes
    }


def _animate(model: ImageMaker, state: State, mode: Mode, path: Path) -> None:
    write_animation(model.cfg, animate(model, state, mode), mode, path)


def _facts(cfg: ImageConfig) -> tuple[tuple[int, int], int, list[str]]:
    """What every picture needs to know: image shape, grey levels, names of the classes."""
    return cfg.image_shape, cfg.n_levels, cfg.class_names


def _titles(cfg: ImageConfig, mode: Mode) -> list[str] | None:
    """Free images belong to no class: they say so in its place."""
    return [mode] * len(cfg.class_names) if mode == "free" else None
