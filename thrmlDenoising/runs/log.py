"""The text log of a run."""

from datetime import datetime
from pathlib import Path

from thrmlDenoising.support.files import append_text


class TrainingLog:
    """Append time-stamped lines to the text file `path`.

    The file is opened for each entry, so that it can be read, moved or copied while a run goes on
    and a killed run loses nothing it logged.
    """

    def __init__(self, path: Path):
        self.path = path

    def write(self, text: str) -> None:
        """Append `text`, every line of it stamped with the local time.

        Raises:
            OSError: the disk does not take it, or the log is a link.
        """
        stamp = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        lines = (f"{stamp}  {line}".rstrip() + "\n" for line in text.splitlines())
        append_text(self.path, "".join(lines))
