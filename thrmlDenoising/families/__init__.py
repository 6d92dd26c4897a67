"""Families of models, by the names that configs and commands know. They know nothing of each other.

A family is a folder or a module here, and a line in `FAMILIES`.
"""

from importlib import import_module
from pathlib import Path

from thrmlDenoising.config import config_text, family_of
from thrmlDenoising.runs import RunFolder
from thrmlDenoising.support.hints import did_you_mean, shown
from thrmlDenoising.training.model import Model

FAMILIES = {
    "dtm": "thrmlDenoising.families.dtm.model:DTMModel",
    "discrete": "thrmlDenoising.families.discrete.model:DiscreteModel",
    "hierarchy": "thrmlDenoising.families.hierarchy.model:HierarchyModel",
    "independent": "thrmlDenoising.families.independent:IndependentModel",
    "levy": "thrmlDenoising.families.levy.model:LevyModel",
}
"""Where the class of each family's models is; a family is imported when it is asked for."""


def family(name: str) -> type[Model]:
    """The class of a family's models.

    Raises:
        ValueError: there is no such family; names those there are.
    """
    if name not in FAMILIES:
        raise ValueError(
            f"unknown family {shown(name)}{did_you_mean(name, FAMILIES)} This version of "
            f"thrmlDenoising knows {', '.join(FAMILIES)}"
        )
    module, _, member = FAMILIES[name].partition(":")
    return getattr(import_module(module), member)


def family_of_run(path: Path) -> type[Model]:
    """The class of the models of a run.

    Raises:
        FileNotFoundError: there is no such run.
        ValueError: its config says a family that this version does not know, or is none.
    """
    run = RunFolder.open(path)
    try:
        return family(family_of(config_text(run.config)))
    except ValueError as error:
        raise ValueError(f"{run.config}: {error}") from error
