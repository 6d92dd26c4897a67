"""The text log of a run."""

from datetime import datetime
from pathlib import Path


class TrainingLog:
    """Append time-stamped lines to the text file `path`.

    The file is opened for each entry, so that it can be read, moved or copied while a run goes on
    and a killed run loses nothing it logged.
    """

    def __init__(self, path: Path):
        self.path = path

    def write(self, text: str) -> None:
        """Append `text`, every line of it stamped with the local time."""
        stamp = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{stamp}  {line}".rstrip() + "\n" for line in text.splitlines())
