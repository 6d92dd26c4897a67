"""How a model at work is shown, from plain values: nothing is built or computed for it."""

import os
from collections.abc import Mapping

from thrmlDenoising.config import Config
from thrmlDenoising.config.showing import config_table
from thrmlDenoising.support.hints import counted
from thrmlDenoising.support.html import fold, table
from thrmlDenoising.support.user_text import one_line


def model_line(name: str, facts: Mapping[str, str], folder: str | os.PathLike[str]) -> str:
    """A model in one line.

    Args:
        name: of its class.
        facts: see `facts_of`.
        folder: its run folder.
    """
    return f"<{name}: {', '.join(facts.values())}, run folder {one_line(os.fspath(folder))}>"


def model_table(
    name: str, facts: Mapping[str, str], folder: str | os.PathLike[str], cfg: Config
) -> str:
    """HTML of the same, with the config folded below."""
    rows = {**facts, "run folder": os.fspath(folder)}
    return table([(name, ""), *rows.items()]) + fold("config", config_table(cfg))


def facts_of(cfg: Config, epoch: int, in_words: str, headline: str | None) -> dict[str, str]:
    """What there is to say of a model.

    Args:
        epoch: how many epochs have been trained.
        in_words: what it consists of.
        headline: what stands for the run, as `headline_in_words` of the last evaluation says it.
    """
    facts = {
        "training": f"trained for {counted(epoch, 'epoch')}" if epoch else "untrained",
        "data": cfg.data_name,
        "model": in_words,
    }
    return facts | ({"last evaluation": headline} if headline else {})
