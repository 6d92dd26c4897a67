"""What every command that trains does."""

import logging
from collections.abc import Callable

from thrmlDenoising.families import family
from thrmlDenoising.runs import complete_epochs
from thrmlDenoising.support.cache import keep_compiled_programs
from thrmlDenoising.support.command_line import exits_in_words
from thrmlDenoising.support.files import check_can_hold_files
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.train.arguments import Arguments
from thrmlDenoising.training import Trainable, at_work


def train(parse: Callable[[], Arguments]) -> None:
    """Parses, trains, and says where to look; what goes wrong is said in a line."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("thrmlDenoising").setLevel(logging.INFO)
    model: Trainable | None = None

    def interrupted() -> str:
        saved = complete_epochs(model.model_saving_path) if model else []
        hint = f"\ngo on with --resume {model.logging_and_saving_dir}" if model and saved else ""
        return f"interrupted; complete checkpoints: {saved}{hint}"

    with exits_in_words(interrupted):
        keep_compiled_programs()
        given = parse()
        if given.resume is None:
            check_can_hold_files(user_path(given.output_dir), "--output-dir")
        model = at_work(family(given.cfg.family))(given.cfg, given.output_dir)
        model.train(given.epochs, given.evaluate_every, given.resume)
        print(f"run folder: {model.logging_and_saving_dir}")
        print(f"images: {model.logging_and_saving_dir / 'images'}")
