"""Runs the command that the first word names; any other word is a run to evaluate."""

import sys

from thrmlDenoising.evaluate.checkpoint import checkpoint_command
from thrmlDenoising.evaluate.compare import compare_command
from thrmlDenoising.evaluate.controls import controls_command
from thrmlDenoising.process_settings import library_settings
from thrmlDenoising.user_text import let_terminals_show_all

_COMMANDS = {"compare": compare_command, "controls": controls_command}


@library_settings()
def main() -> None:
    """Runs it, and says in a line what was wrong with it."""
    let_terminals_show_all()
    words = sys.argv[1:]
    try:
        if words and words[0] in _COMMANDS:
            _COMMANDS[words[0]](words[1:])
        else:
            checkpoint_command(words)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
