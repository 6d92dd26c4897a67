"""The managers by name."""

from inspect import isabstract

from thrmlDenoising.base_graphs.binary_representation import BinaryRepresentationGraphManager
from thrmlDenoising.base_graphs.binomial import BinomialIsingGraphManager
from thrmlDenoising.base_graphs.convolved import ConvolvedPoissonBinomialIsingGraphManager
from thrmlDenoising.base_graphs.manager import AbstractBaseGraphManager
from thrmlDenoising.base_graphs.poisson_binomial import PoissonBinomialIsingGraphManager
from thrmlDenoising.support.hints import did_you_mean

MANAGERS: dict[str, type[AbstractBaseGraphManager]] = {
    "binomial_ising_graph_manager": BinomialIsingGraphManager,
    "poisson_binomial_ising_graph_manager": PoissonBinomialIsingGraphManager,
    "binary_representation_ising_graph_manager": BinaryRepresentationGraphManager,
    "convolved_poisson_binomial_ising_graph_manager": ConvolvedPoissonBinomialIsingGraphManager,
}
"""By the names of dtm-replication; each has a short name too."""

_BYTES_OF_A_NUMBER = 4
_OWN_CLASS = ", which dtm-replication writes in place of any class of the user's own: give yours."
_METHODS_THERE = ("make_base_graph", "convert_pixels_to_output_blocks")


def short_name(name: str) -> str:
    """`poisson_binomial_ising_graph_manager`, or without its `_ising`, to `poisson_binomial`."""
    return name.removesuffix("_graph_manager").removesuffix("_ising")


def resolve_manager(
    name_or_class: str | type[AbstractBaseGraphManager],
) -> type[AbstractBaseGraphManager]:
    """The manager class for a full name, a short name or a class of the user's own.

    Raises:
        ValueError: unknown name, or a class that is no (whole) `AbstractBaseGraphManager`.
    """
    if isinstance(name_or_class, type):
        if not issubclass(name_or_class, AbstractBaseGraphManager):
            raise ValueError(
                f"{name_or_class.__name__} is no base-graph manager: derive it from "
                "thrmlDenoising.base_graphs.AbstractBaseGraphManager"
            )
        if isabstract(name_or_class):
            raise ValueError(_not_whole(name_or_class))
        return name_or_class
    by_name = {short_name(name): manager for name, manager in MANAGERS.items()}
    if short_name(name_or_class) not in by_name:
        hint = _OWN_CLASS if name_or_class == "custom_base_graph_manager" else ""
        hint = hint or did_you_mean(name_or_class, by_name)
        raise ValueError(
            f"unknown base_graph_manager {name_or_class!r}{hint} The managers are "
            f"{', '.join(by_name)}, or give a class derived from AbstractBaseGraphManager."
        )
    return by_name[short_name(name_or_class)]


def most_graph_bytes(manager: AbstractBaseGraphManager) -> int | None:
    """The most bytes that the arrays of one of its graphs can have; None for a class of one's own.

    A class of the user's own may build any graph. Those of the library keep the lattice's edges,
    repeat a node or an edge once for each level at the most, and join pixels by the image's jumps.
    """
    if type(manager) not in MANAGERS.values():
        return None
    spec = manager.spec
    n_nodes = spec.lattice.n_nodes + manager.n_image_bits
    n_edges = 2 * len(spec.lattice.rules) * spec.lattice.n_nodes * spec.n_levels
    n_edges += 2 * len(spec.image_jumps) * manager.n_image_bits
    n_visible = manager.n_image_bits + manager.n_label_nodes
    return _BYTES_OF_A_NUMBER * (3 * n_edges + 2 * n_nodes + n_visible)


def _not_whole(manager: type[AbstractBaseGraphManager]) -> str:
    """What is wrong with a class that leaves something of a manager unwritten."""
    if any(hasattr(manager, method) for method in _METHODS_THERE):
        return (
            f"{manager.__name__} is written for dtm-replication: here a manager has encode, decode "
            "and build_graph instead of make_base_graph and convert_...; docs/base_graphs.md has "
            "an example, 'A manager of your own'"
        )
    missing = ", ".join(sorted(manager.__abstractmethods__))
    return f"{manager.__name__} is no whole manager: write {missing} too"
