"""What a user sees of a training: a bar on a terminal and in a notebook, lines elsewhere."""

import logging
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import nbclient
import nbformat
import pytest
from tiny import TINY, python
from tqdm import notebook

from thrmlDenoising import DTM
from thrmlDenoising.training.devices import Stoppable
from thrmlDenoising.training.progress import Progress, speed_in_words

FD = "classifier FD 29.4 free, 39.3 clamped"


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)


def on_terminal(monkeypatch) -> None:
    """Within the test itself: pytest changes the stream between a fixture and its test."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


@pytest.fixture
def widgets(monkeypatch) -> list[SimpleNamespace]:
    """A notebook with ipywidgets; what it displays."""
    shown = []

    def new(**facts: object) -> SimpleNamespace:
        facts = {"value": "", "bar_style": "", "layout": SimpleNamespace()} | facts
        return SimpleNamespace(style=SimpleNamespace(bar_color=None), **facts)

    in_notebook(monkeypatch)
    for name in ("IProgress", "HTML", "TqdmHBox"):
        monkeypatch.setattr(notebook, name, new, raising=False)
    monkeypatch.setattr(notebook, "display", shown.append, raising=False)
    return shown


def in_notebook(monkeypatch) -> None:
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def train(n_epochs: int = 2, headlines: tuple[str | None, ...] = (FD, None)) -> None:
    """Epochs of 3 batches, of 6.4e9 updates in 2 s each."""
    with Progress(n_epochs, 3, amount=6.4e9) as progress:
        progress.said_first("run folder: runs/short")
        for epoch, headline in zip(range(1, n_epochs + 1), headlines, strict=True):
            progress.start_epoch(epoch, n_epochs)
            for _ in range(3):
                progress.batch_done()
            progress.epoch_done(f"epoch {epoch}: 2.0 s", headline, seconds=2.0)


def last_bar(written: str) -> str:
    return [bar for bar in re.split(r"[\r\n]", written) if "%|" in bar][-1]


# On a terminal


def test_on_a_terminal_a_bar_shows_epoch_headline_and_speed(monkeypatch, capsys):
    on_terminal(monkeypatch)
    train()
    out, errors = capsys.readouterr()
    assert out == ""
    bar = last_bar(errors)
    assert bar.startswith("epoch 2 of 2: 100%")
    assert "6/6" in bar
    assert f"{FD}, 3.2 updates/ns" in bar  # of the first epoch: the second was not evaluated


def test_a_later_headline_takes_the_place_of_an_earlier_one(monkeypatch, capsys):
    on_terminal(monkeypatch)
    train(headlines=(FD, "classifier FD 17"))
    bar = last_bar(capsys.readouterr().err)
    assert "classifier FD 17, 3.2 updates/ns" in bar
    assert FD not in bar


def test_on_a_terminal_epochs_are_no_lines_and_the_run_folder_is_a_whole_one(monkeypatch, capsys):
    on_terminal(monkeypatch)
    with logs(logging.StreamHandler(sys.stderr)):
        train()
    written = capsys.readouterr().err
    lines = [line.strip() for line in re.split(r"[\r\n]+", written)]
    assert "run folder: runs/short" in lines
    assert "2.0 s" not in written


@contextmanager
def logs(handler: logging.Handler) -> Iterator[None]:
    """Hands the lines of the library to a handler, as a user's script does."""
    logger = logging.getLogger("thrmlDenoising")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


# In a notebook


def test_in_a_notebook_with_widgets_the_bar_is_one(widgets, capsys):
    train()
    (container,) = widgets
    left, bar, right = container.children
    assert left.value.startswith("epoch\u20072\u2007of\u20072")
    assert (bar.value, bar.max, bar.bar_style) == (6, 6, "success")
    assert f"{FD}, 3.2 updates/ns" in right.value.replace("\u2007", " ")
    assert capsys.readouterr() == ("", "")


def test_in_a_notebook_without_widgets_the_bar_is_text(monkeypatch, capsys):
    in_notebook(monkeypatch)
    monkeypatch.setattr(notebook, "IProgress", None)
    train()
    out, errors = capsys.readouterr()
    assert out == ""
    assert last_bar(errors).startswith("epoch 2 of 2: 100%")
    assert FD in last_bar(errors)
    assert errors.count("\n") == 1  # which a notebook could not take back


@pytest.mark.slow
def test_a_real_kernel_shows_a_bar_without_being_asked():
    code = """
from thrmlDenoising.training.progress import Progress
with Progress(n_epochs=1, n_batches=2) as progress:
    progress.said_first("run folder: runs/short")
    progress.start_epoch(1, 1)
    progress.batch_done()
    progress.batch_done()
    progress.epoch_done("epoch 1: 2.0 s", "FID 7", seconds=2.0)
"""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(book, timeout=100, kernel_name="python3").execute()
    shown = str(book.cells[0].outputs)
    assert "epoch 1 of 1" in shown.replace("\u2007", " ")
    assert "Warning" not in shown


# Elsewhere


def test_elsewhere_every_epoch_is_a_line_after_the_run_folder(caplog, capsys):
    caplog.set_level(logging.INFO, "thrmlDenoising")
    train()
    assert [record.getMessage() for record in caplog.records] == [
        "run folder: runs/short",
        "epoch 1: 2.0 s; 3.2 updates/ns",
        "epoch 2: 2.0 s; 3.2 updates/ns",
    ]
    assert capsys.readouterr() == ("", "")


def test_bars_that_are_switched_off_leave_lines(monkeypatch, capsys, caplog):
    on_terminal(monkeypatch)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    caplog.set_level(logging.INFO, "thrmlDenoising")
    train()
    assert len(caplog.records) == 3
    assert capsys.readouterr().err == ""


def test_switched_off_in_a_notebook_nothing_is_displayed(widgets, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    train()
    assert widgets == []


def test_without_standard_error_training_goes_on(monkeypatch):
    """As under pythonw on Windows."""
    monkeypatch.setattr(sys, "stderr", None)
    train()


SCRIPT = """
import logging, sys
from thrmlDenoising.training.progress import Progress
if len(sys.argv) > 1:
    logging.basicConfig(format="%(message)s")
    logging.getLogger("thrmlDenoising").setLevel(logging.INFO)
with Progress(n_epochs=1, n_batches=1) as progress:
    progress.said_first("run folder: runs/short")
    progress.start_epoch(1, 1)
    progress.batch_done()
    progress.epoch_done("epoch 1: 2.0 s", None, seconds=2.0)
"""


def test_a_script_says_what_it_asks_for_and_else_nothing():
    silent, talking = python("-c", SCRIPT), python("-c", SCRIPT, "lines")
    assert silent.communicate(timeout=100) == ("", "")
    out, lines = talking.communicate(timeout=100)
    assert (out, lines) == ("", "run folder: runs/short\nepoch 1: 2.0 s\n")


def test_a_training_says_where_it_is_and_what_it_has_reached(tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO, "thrmlDenoising")
    dtm = DTM(TINY, base_dir=tmp_path)
    dtm.train(2, evaluate_every=2)
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == f"run folder: {dtm.logging_and_saving_dir}"
    assert re.fullmatch(r"epoch 0: 0.0 s; exactly [a-z ]+ [\d.]+ % free, [\d.]+ % clamped", said[1])
    assert re.fullmatch(r"epoch 1: [\d.]+ s; [\d.]+ spin updates/.s", said[2])
    assert re.fullmatch(
        r"epoch 2: [\d.]+ s; exactly the image of their class [\d.]+ % free, [\d.]+ % clamped; "
        r"[\d.]+ spin updates/.s",
        said[3],
    )
    assert len(said) == 4
    assert capsys.readouterr().out == ""


# Speed


@pytest.mark.parametrize(
    ("unit", "amount", "seconds", "words"),
    [
        ("updates", 6.4e9, 2.0, "3.2 updates/ns"),
        ("updates", 2e10, 1000, "0.02 updates/ns"),
        ("updates", 3e6, 1.0, "3 updates/µs"),
        ("images", 5000, 10.0, "0.5 images/ms"),
        ("images", 1.0, 1000.0, "0.001 images/s"),
        ("updates", 0.0, 2.0, ""),
        ("updates", 6.4e9, 0.0, ""),
    ],
)
def test_speed_is_said_for_a_time_that_makes_it_readable(unit, amount, seconds, words):
    assert speed_in_words(unit, amount, seconds) == words


# Stopping


def test_what_was_stopped_raises_at_its_next_batch():
    with Progress(1, 3) as progress:
        progress.start_epoch(1, 1)
        on_batch = Stoppable(progress.batch_done)
        on_batch()
        on_batch.stop()
        with pytest.raises(InterruptedError, match="another thread"):
            on_batch()


def failing_at(number: int) -> Callable[[], None]:
    calls = iter(range(1, number + 1))

    def look() -> None:
        if next(calls) == number:
            raise KeyboardInterrupt

    return look


def test_every_batch_looks_whether_to_go_on():
    with Progress(1, 3, failing_at(2)) as progress:
        progress.batch_done()
        with pytest.raises(KeyboardInterrupt):
            progress.batch_done()


def test_an_interrupted_bar_leaves_the_next_line_free(monkeypatch, capsys):
    on_terminal(monkeypatch)
    with pytest.raises(KeyboardInterrupt), Progress(1, 3, failing_at(1)) as progress:
        progress.batch_done()
    assert capsys.readouterr().err.endswith("\n")


def test_batches_of_many_threads_are_all_counted(monkeypatch, capsys):
    on_terminal(monkeypatch)
    with Progress(1, 4000) as progress, ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(lambda: [progress.batch_done() for _ in range(500)])
    assert "4000/4000" in last_bar(capsys.readouterr().err)
