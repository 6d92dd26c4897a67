"""The managers by name."""

from inspect import isabstract

from thrmlDenoising.base_graphs.binary_representation import BinaryRepresentationGraphManager
from thrmlDenoising.base_graphs.binomial import BinomialIsingGraphManager
from thrmlDenoising.base_graphs.convolved import ConvolvedPoissonBinomialIsingGraphManager
from thrmlDenoising.base_graphs.manager import AbstractBaseGraphManager
from thrmlDenoising.base_graphs.poisson_binomial import PoissonBinomialIsingGraphManager
from thrmlDenoising.hints import did_you_mean

MANAGERS: dict[str, type[AbstractBaseGraphManager]] = {
    "binomial_ising_graph_manager": BinomialIsingGraphManager,
    "poisson_binomial_ising_graph_manager": PoissonBinomialIsingGraphManager,
    "binary_representation_graph_manager": BinaryRepresentationGraphManager,
    "convolved_poisson_binomial_ising_graph_manager": ConvolvedPoissonBinomialIsingGraphManager,
}
"""By the names of dtm-replication; each has a short name too."""


def short_name(name: str) -> str:
    """`poisson_binomial_ising_graph_manager` to `poisson_binomial`."""
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
            missing = ", ".join(sorted(name_or_class.__abstractmethods__))
            raise ValueError(f"{name_or_class.__name__} is no whole manager: write {missing} too")
        return name_or_class
    by_name = MANAGERS | {short_name(name): manager for name, manager in MANAGERS.items()}
    if name_or_class not in by_name:
        hint = did_you_mean(name_or_class, by_name)
        allowed = ", ".join(short_name(name) for name in MANAGERS)
        raise ValueError(
            f"unknown base_graph_manager {name_or_class!r}{hint} The managers are {allowed}, or "
            "give a class derived from AbstractBaseGraphManager."
        )
    return by_name[name_or_class]
