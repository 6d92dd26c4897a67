"""Draws what the model of a run makes."""

from thrmlDenoising.support.command_line import exits_in_words, quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

import sys

from thrmlDenoising.display.command import display_command
from thrmlDenoising.support.cache import keep_compiled_programs
from thrmlDenoising.support.process_settings import library_settings


@library_settings()
def main() -> None:
    """Draws, and says in a line what was wrong."""
    with exits_in_words():
        keep_compiled_programs()
        display_command(sys.argv[1:])


if __name__ == "__main__":
    main()
