"""Runs the command that the first word names; any other word is a run to evaluate."""

from thrmlDenoising.support.command_line import exits_in_words, quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

import sys

from thrmlDenoising.evaluate.checkpoint import checkpoint_command
from thrmlDenoising.evaluate.compare import compare_command
from thrmlDenoising.evaluate.controls import controls_command
from thrmlDenoising.support.cache import keep_compiled_programs
from thrmlDenoising.support.process_settings import library_settings

_COMMANDS = {"compare": compare_command, "controls": controls_command}


@library_settings()
def main() -> None:
    """Runs it, and says in a line what was wrong with it."""
    words = sys.argv[1:]
    with exits_in_words():
        keep_compiled_programs()
        if words and words[0] in _COMMANDS:
            _COMMANDS[words[0]](words[1:])
        else:
            checkpoint_command(words)


if __name__ == "__main__":
    main()
