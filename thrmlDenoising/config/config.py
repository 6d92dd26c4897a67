"""What the configs of all families are: sections, checked together, exact in YAML."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from thrmlDenoising.config.classes import Named, name_of, with_given
from thrmlDenoising.config.fields import Section, check_known
from thrmlDenoising.config.sections import ExpConfig
from thrmlDenoising.config.showing import config_lines, config_table
from thrmlDenoising.config.yaml_text import dump, parse
from thrmlDenoising.support.hints import did_you_mean, shortened, shown
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.support.reading import read_text

LARGEST_FILE = 2**20
"""Bytes of a config in YAML: four hundred times those of one with all fields."""

FIRST_FAMILY = "dtm"
"""The family of configs that do not say theirs: the library's first ones."""

_FAMILY = "family"


@dataclass(frozen=True)
class Config:
    """Everything that defines a model of a family and its training: sections, this one and more.

    A family's config is a frozen dataclass that derives from this one; that of a family of image
    models from `ImageConfig`.

    Attributes:
        family: the family's name, as in YAML and on the command line.
        named_configs: the folder of the configs that come with the family, as YAML.
        free_to_change: fields that a resumed run may have changed, as they do not touch what is
            trained. The hash of an experiment leaves out fewer, see `experiments.config_hash`.

    Raises:
        ValueError: a value is out of its range, or values do not go together.
    """

    family: ClassVar[str]
    named_configs: ClassVar[Path | None] = None
    free_to_change: ClassVar[frozenset[str]] = frozenset(
        {
            "exp.descriptor",
            "exp.checkpoint_every",
            "exp.checkpoint_growth",
        }
    )
    exp: ExpConfig = field(default_factory=ExpConfig)

    def __init_subclass__(cls) -> None:
        cls.__repr__ = Config.__repr__  # else dataclasses would make another, of all fields

    def __repr__(self) -> str:
        """The call that makes it; `to_yaml` writes every field."""
        return config_lines(self)

    def _repr_html_(self) -> str:
        return config_table(self)

    def __post_init__(self) -> None:
        self._check_sections()
        self.check_together()

    def check_together(self) -> None:
        """Checks that the sections go together; a family has its rules here.

        Raises:
            ValueError: they do not.
        """

    @property
    def data_name(self) -> str:
        """What is learnt, in a word."""
        raise NotImplementedError

    @property
    def data_facts(self) -> dict[str, str]:
        """What a reader of a table has to know of the data and of how much was judged."""
        return {"data": self.data_name}

    def replace(self, **sections: Mapping[str, Any] | Section) -> Self:
        """A copy with some fields changed, e.g. `cfg.replace(data=dict(data_dir="images"))`.

        Args:
            sections: the changed fields of each section, or a whole section.

        Raises:
            ValueError: an unknown section or field, a wrong value, or values that do not go
                together.
        """
        updated: dict[str, Any] = dict(self.sections)
        check_known("section", sections, list(updated))
        for name, change in sections.items():
            updated[name] = _updated(updated[name], change)
        return type(self)(**updated)

    @property
    def sections(self) -> dict[str, Section]:
        """All sections by name."""
        return {section.name: getattr(self, section.name) for section in fields(self)}

    def flat(self) -> dict[str, Any]:
        """All fields as "section.field"; what can be written in several ways stands as its
        meaning, so that two configs mean the same where these are equal.
        """
        return self._as_given()

    def differing(self, other: Self) -> dict[str, tuple[Any, Any]]:
        """The fields that mean something else in another config of the family: here and there."""
        ours, theirs = self.flat(), other.flat()
        return {
            name: (value, theirs[name]) for name, value in ours.items() if value != theirs[name]
        }

    def changed(self) -> dict[str, Any]:
        """The fields as given, "section.field", in which this differs from the family's defaults;
        own functions by their names.
        """
        ours, default = self._as_given(), type(self)()._as_given()
        return {name: _in_words(value) for name, value in ours.items() if value != default[name]}

    def _as_given(self) -> dict[str, Any]:
        return {
            f"{section}.{name}": value
            for section, values in asdict(self).items()
            for name, value in values.items()
        }

    def to_yaml(self) -> str:
        """The config as YAML, every field written out; `from_yaml` gives back an equal config.

        Raises:
            ValueError: the name of an own class or function in it does not lead to it, or it is
                too long to be read again.
        """
        text = dump({_FAMILY: self.family, **asdict(self)})
        n_bytes = len(text.encode())
        if n_bytes > LARGEST_FILE:
            raise ValueError(
                f"the config takes {n_bytes:,} bytes, and one of more than {LARGEST_FILE:,} is not "
                "read again: use shorter class names, or fewer classes"
            )
        return text

    @classmethod
    def from_yaml(cls, text: str, classes: Sequence[Named] = ()) -> Self:
        """Reads a config from YAML; what the text does not mention keeps its default.

        Args:
            classes: own classes and functions that the text may name. It imports none: another
                one has to be imported already.

        Raises:
            ValueError: no valid YAML, not a valid config, or one of another family.
        """
        content = parse(text)
        family = content.pop(_FAMILY, FIRST_FAMILY)
        if family != cls.family:
            raise ValueError(
                f"this is a config of the family {shown(family)}, as is one that names none "
                f"({FIRST_FAMILY!r}), where one of {cls.family!r} is needed: it says "
                f"'family: {cls.family}'"
                if family == FIRST_FAMILY
                else f"this is a config of the family {shown(family)}, where one of "
                f"{cls.family!r} is needed"
            )
        return cls().replace(**with_given(content, classes))

    @classmethod
    def named(cls, name: str) -> Self:
        """A config that comes with the family.

        Raises:
            ValueError: none has this name; says those there are.
        """
        known = cls.names()
        if name not in known:
            there = ", ".join(known) or "none"
            raise ValueError(
                f"the family {cls.family!r} has no config {shown(name)}{did_you_mean(name, known)} "
                f"There are: {there}"
            )
        return cls.load(known[name])

    @classmethod
    def names(cls) -> dict[str, Path]:
        """The configs that come with the family, and where they are."""
        folder = cls.named_configs
        return {file.stem: file for file in sorted(folder.glob("*.yaml"))} if folder else {}

    def save(self, path: str | Path) -> None:
        """Writes the config to a YAML file."""
        user_path(path).write_text(self.to_yaml(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path, classes: Sequence[Named] = ()) -> Self:
        """Reads a config from a YAML file.

        Args:
            classes: own classes and functions that the file may name, see `from_yaml`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file holds no valid config; names the file.
        """
        return cls.from_file(path, config_text(path), classes)

    @classmethod
    def from_file(cls, path: str | Path, text: str, classes: Sequence[Named] = ()) -> Self:
        """Reads a config from the YAML text of a file, which errors name.

        Raises:
            ValueError: the file holds no valid config.
        """
        try:
            return cls.from_yaml(text, classes)
        except ValueError as error:
            raise ValueError(f"{path}: {shortened(error, 2000)}") from error

    def _check_sections(self) -> None:
        for name, value in self.sections.items():
            if not isinstance(value, Section) or value.section_name != name:
                raise ValueError(
                    f"{name} must be its section's dataclass, not {shown(value)}: "
                    f"make_cfg({name}=dict(...)) builds it"
                )


def config_text(path: str | Path) -> str:
    """The text of a config's file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none of a config.
    """
    try:
        return read_text(user_path(path), LARGEST_FILE)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no config file {str(path)!r}") from None


def family_of(text: str) -> str:
    """The family that the YAML text of a config names.

    Raises:
        ValueError: no valid YAML.
    """
    family = parse(text).get(_FAMILY, FIRST_FAMILY)
    return family if isinstance(family, str) else shown(family)


def _in_words(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_in_words, value))
    return name_of(value) if callable(value) else value


def _updated(section: Section, change: Mapping[str, Any] | Section) -> Section:
    if isinstance(change, Section):
        return change
    if not isinstance(change, Mapping):
        raise ValueError(
            f"section {section.section_name!r} must be a mapping of field names to values, "
            f"not {shown(change)} ({type(change).__name__})"
        )
    return section.replace(**change)
