"""The feature extractors that a config names, as far as they can be used here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from thrmlDenoising.config import Extractor
from thrmlDenoising.quality.features import FeatureExtractor, UnavailableError, named_extractor
from thrmlDenoising.support.hints import shown
from thrmlDenoising.support.imports import redefined
from thrmlDenoising.support.warn import warn


class Extractors(NamedTuple):
    """Extractors, and what is wrong with the others.

    Attributes:
        usable: those that can be used.
        notes: why others cannot be used here.
        failures: what is wrong with others, by name.
    """

    usable: tuple[FeatureExtractor, ...]
    notes: tuple[str, ...]
    failures: Mapping[str, Exception]

    @classmethod
    def named(
        cls,
        names: Sequence[Extractor],
        dataset_name: str,
        inception_weights: str | Path | None = None,
    ) -> Self:
        """Those of a config; one that cannot be used here is warned about.

        Nothing is kept: what an own function's name leads to may have changed, and missing weights
        may be there now.
        """
        usable: list[FeatureExtractor] = []
        notes: list[str] = []
        failures: dict[str, Exception] = {}
        for name in names:
            try:
                if (newer := redefined(name)) is not None:
                    warn(
                        f"{newer} has been defined again since the config was made, which has the "
                        "old function: make the config again"
                    )
                usable.append(named_extractor(name, dataset_name, inception_weights))
            except UnavailableError as error:
                notes.append(f"{name}: {error}")
                warn(f"feature extractor {name!r} is left out: {error}", stacklevel=2)
            except Exception as error:
                failures[shown(name)] = error
        return cls(tuple(usable), tuple(notes), failures)
