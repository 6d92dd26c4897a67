"""How a config is shown: by what differs from the defaults of its class.

For any dataclass whose fields are dataclasses, its sections. What is written is Python that makes
the config again, as long as no value is too long to be shown whole.
"""

from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, NamedTuple

from thrmlDenoising.support.hints import shortened, shown
from thrmlDenoising.support.html import fold, paragraph, table

_LONGEST_LINE = 100
_LONGEST_VALUE = 60


class _Setting(NamedTuple):
    """A field as it is, and as it is by default."""

    name: str
    value: Any
    default: Any

    @property
    def differs(self) -> bool:
        return self.value != self.default

    def row(self, section: str = "") -> tuple[str, str, str]:
        default = "" if self.default is MISSING else _in_code(self.default)
        return section + self.name, _in_code(self.value), default


def section_line(section: Any) -> str:
    """A section as the call that makes it: `EvaluationConfig(bootstrap_replicates=50)`."""
    return f"{type(section).__name__}({_arguments(_settings(section))})"


def section_table(section: Any) -> str:
    """HTML of what differs in a section from its defaults and, folded, of all of it."""
    settings = _settings(section)
    changed = [setting.row() for setting in settings if setting.differs]
    return _tables(type(section).__name__, changed, [setting.row() for setting in settings])


def config_lines(config: Any) -> str:
    """A config as the call that makes it from its defaults, of a line or of one a section:
    `DTMConfig().replace(data=dict(dataset_name='mnist'))`.
    """
    changes = [
        f"{section}=dict({arguments})"
        for section, settings in _sections(config).items()
        if (arguments := _arguments(settings))
    ]
    default = f"{type(config).__name__}()"
    if not changes:
        return default
    line = f"{default}.replace({', '.join(changes)})"
    if len(line) <= _LONGEST_LINE:
        return line
    return "\n".join([f"{default}.replace(", *(f"    {change}," for change in changes), ")"])


def config_table(config: Any) -> str:
    """HTML of what differs in a config from its defaults and, folded, of all of it."""
    named = [(f"{name}.", each) for name, sets in _sections(config).items() for each in sets]
    changed = [setting.row(section) for section, setting in named if setting.differs]
    every = [setting.row(section) for section, setting in named]
    return _tables(type(config).__name__, changed, every)


def _tables(
    name: str, changed: Sequence[tuple[str, str, str]], every: Sequence[tuple[str, str, str]]
) -> str:
    head = ("field", "value", "default")
    whole = fold(f"all {len(every)} fields", table([head, *every]))
    if not changed:
        return paragraph(f"{name}: all fields have their defaults") + whole
    title = f"{name}: {len(changed)} of {len(every)} fields differ from their defaults"
    return table([head, *changed], title) + whole


def _sections(config: Any) -> dict[str, list[_Setting]]:
    """The settings of every section, beside those of the section that the config's class has."""
    return {
        entry.name: _settings(getattr(config, entry.name), _default(entry))
        for entry in fields(config)
    }


def _settings(section: Any, usual: Any = None) -> list[_Setting]:
    """The fields of a section, beside those of `usual` or else of its class's defaults."""
    own = type(usual) is type(section)
    return [
        _Setting(
            entry.name,
            getattr(section, entry.name),
            getattr(usual, entry.name) if own else _default(entry),
        )
        for entry in fields(section)
    ]


def _default(entry: Field[Any]) -> Any:
    """`MISSING` if there is none."""
    return entry.default if entry.default_factory is MISSING else entry.default_factory()


def _arguments(settings: Sequence[_Setting]) -> str:
    changed = (setting for setting in settings if setting.differs)
    return ", ".join(f"{setting.name}={_in_code(setting.value)}" for setting in changed)


def _in_code(value: Any) -> str:
    """A value as Python writes it; classes and functions by their names."""
    text = getattr(value, "__qualname__", None)
    if isinstance(value, tuple) and any(hasattr(entry, "__qualname__") for entry in value):
        text = f"({', '.join(map(_in_code, value))},)"
    return shortened(text or shown(value), _LONGEST_VALUE)
