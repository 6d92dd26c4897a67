"""What a step has learnt, as images: the parameters at every pixel, and the pull of every class."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.plots import mpl
from thrmlDenoising.plots.excerpts import MOST_CLASSES, evenly_spread, what_is_shown
from thrmlDenoising.plots.graphs import DrawnStep, bits_per_pixel, check_finite
from thrmlDenoising.plots.style import note, our_style, save_png, write
from thrmlDenoising.support.hints import shortened
from thrmlDenoising.support.paths import user_path

if TYPE_CHECKING:
    from thrmlDenoising.plots.shown_figure import ShownFigure

_MOST_COLUMNS = 5
_LONGEST_TITLE = 24  # characters, about as wide as an image


class _Scale(NamedTuple):
    """A colour map, and where it begins as a multiple of where it ends."""

    colour_map: str
    lowest: float


_SIGNED, _AMOUNT = _Scale("RdBu_r", -1), _Scale("viridis", 0)


@our_style()
def draw_weights(
    step: DrawnStep, class_names: Sequence[str] = (), path: str | Path | None = None
) -> "ShownFigure":
    """Draws what a step has learnt as images of the shape of the data.

    - The bias of every pixel: red pulls it up, blue down.
    - The sum of |weight| over the edges of every pixel.
    - For every class the pull of its label nodes on every pixel, see `class_pulls`; all on one
      scale. None without class names or without labels.

    The bits of a grey pixel are averaged, see `bit_shares`. Of more than 40 classes as many are
    shown, evenly spread, and the figure says so.

    Args:
        class_names: of all classes of the model, in its order.
        path: also write a PNG there.

    Raises:
        ValueError: the label nodes are no multiple of the classes, or a parameter is not finite.
    """
    from thrmlDenoising.plots.shown_figure import ShownFigure  # which imports matplotlib

    check_finite(step)
    is_labelled = len(step.graph.label_nodes) > 0 and len(class_names) > 0
    shown = evenly_spread(len(class_names), MOST_CLASSES) if is_labelled else []
    pulls = class_pulls(step, len(class_names))[shown] if is_labelled else np.empty((0, 0))
    n_columns = min(_MOST_COLUMNS, max(2, len(pulls)))
    n_rows = -(-len(pulls) // n_columns)
    figure = ShownFigure(figsize=(2.1 * n_columns + 1, 2.6 + 2.3 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows + 1, n_columns, squeeze=False)
    for axes in panels.ravel():
        axes.set_axis_off()
    shape = step.manager.image_shape
    for place, of_pixels, quantity, scale in (
        (0, pixel_biases(step), "bias", _SIGNED),
        (1, pixel_strengths(step), "sum of |weight|", _AMOUNT),
    ):
        panel = panels[:1, place : place + 1]
        _draw_images(panel, [""], of_pixels.reshape(1, *shape), quantity, scale)
    if is_labelled:
        names, pictures = [str(class_names[i]) for i in shown], pulls.reshape(-1, *shape)
        _draw_images(panels[1:], names, pictures, "pull of the class", _SIGNED)
        note(panels[0, 0], what_is_shown({"classes": (len(shown), len(class_names))}))
    if path is not None:
        save_png(figure, user_path(path))
    return figure


def pixel_biases(step: DrawnStep) -> Float[np.ndarray, " pixel"]:
    """The bias of every pixel, its bits averaged."""
    return averaged(step.biases[step.graph.image_nodes], bit_shares(step))


def pixel_strengths(step: DrawnStep) -> Float[np.ndarray, " pixel"]:
    """sum_j |J_ij| of every pixel i, its bits averaged."""
    graph = step.graph
    strengths = fields(np.ones((1, graph.n_nodes)), graph, abs(step.weights))[0]
    return averaged(strengths[graph.image_nodes], abs(bit_shares(step)))


def class_pulls(step: DrawnStep, n_classes: int) -> Float[np.ndarray, "class pixel"]:
    """The field that the label nodes of each class, being on, exert on every pixel.

    On bit i of the image, directly and through one hidden node:

        T_ki = sum_{l of class k} ( J_li + sum_{hidden h} J_lh J_hi )

    which is the lowest order in the weights along each way, at beta = 1: a hidden node in the
    field f has the mean tanh(f) ~ f, and all else is taken to average to 0. A trained machine's
    weights are not small, so this shows where a class pulls, not how strongly. Label node
    `spot * n_classes + k` is of class k. Pixels average their bits, see `bit_shares`.

    Raises:
        ValueError: there are no label nodes, or no multiple of `n_classes`.
    """
    graph, n_labels = step.graph, len(step.graph.label_nodes)
    if n_classes < 1 or n_labels == 0 or n_labels % n_classes:
        raise ValueError(
            f"{n_classes} classes for {n_labels} label nodes: every class has one in each label "
            "spot, so give the names of all classes of the model, and no others"
        )
    labels_on = np.zeros((n_classes, graph.n_nodes))
    labels_on[np.arange(n_labels) % n_classes, graph.label_nodes] = 1
    direct = fields(labels_on, graph, step.weights)
    is_hidden = ~np.isin(np.arange(graph.n_nodes), graph.visible_nodes)
    through_hidden = fields(direct * is_hidden, graph, step.weights)
    return averaged((direct + through_hidden)[:, graph.image_nodes], bit_shares(step))


def fields(
    means: Float[np.ndarray, "row node"], graph: BaseGraph, weights: Float[np.ndarray, " edge"]
) -> Float[np.ndarray, "row node"]:
    """f_i = sum_j J_ij m_j, for every row of means m."""
    a, b = graph.edges.T
    by_node = np.zeros((graph.n_nodes, len(means)))
    np.add.at(by_node, a, (weights * means[:, b]).T)
    np.add.at(by_node, b, (weights * means[:, a]).T)
    return by_node.T


def averaged(
    of_bits: Float[np.ndarray, "*batch image_bit"], shares: Float[np.ndarray, "pixel bit"]
) -> Float[np.ndarray, "*batch pixel"]:
    """The mean of every pixel's bits, each counting by its share."""
    return (of_bits.reshape(*of_bits.shape[:-1], *shares.shape) * shares).sum(axis=-1)


def bit_shares(step: DrawnStep) -> Float[np.ndarray, "pixel bit"]:
    """How much each bit counts in the average of its pixel; the sizes add up to 1.

    A bit counts as the change of grey level that it alone makes, decoded by the manager: equal
    for trials, 1 : 2 : 4 ... for binary digits. Where no bit alone changes the level, as in codes
    that vote, all count the same.
    """
    n_bits, n_image_bits = bits_per_pixel(step), len(step.graph.image_nodes)
    alone = np.tile(np.eye(n_bits, dtype=bool), n_image_bits // n_bits)
    nothing = np.zeros((1, n_image_bits), dtype=bool)
    levels = np.asarray(step.manager.decode(jnp.asarray(np.concatenate([nothing, alone])))) * 1.0
    changes = (levels[1:] - levels[0]).T
    total = abs(changes).sum(axis=1, keepdims=True)
    return np.where(total > 0, changes / np.maximum(total, 1), 1 / n_bits)


def _draw_images(
    panels: np.ndarray,
    titles: Sequence[str],
    values: Float[np.ndarray, "image row column"],
    quantity: str,
    scale: _Scale,
) -> None:
    """One image in each of the first panels [row, column], all on one scale, drawn below them."""
    top = abs(values).max() or 1.0
    for axes, title, image in zip(panels.ravel(), titles, values, strict=False):
        axes.set_axis_on()
        axes.set(xticks=[], yticks=[])
        axes.title.set_fontsize(10)
        write(axes.title, shortened(title, _LONGEST_TITLE))
        axes.imshow(image, scale.colour_map, vmin=scale.lowest * top, vmax=top)
    first = panels[0, 0]
    first.figure.colorbar(
        first.images[0], ax=list(panels.ravel()), location="bottom", fraction=0.07 / len(panels),
        aspect=12, ticks=mpl.ticker.MaxNLocator(3), label=quantity,
    )  # fmt: skip
