"""The flags of DLPM's three commands, and of the page that says what they are here.

Each changes what it says it does: the page names a right-hand side for every flag, and every one of
them is tried on a tiny run beside one without it.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from tiny import REPOSITORY, SLOW, rest_slow

import thrmlDenoising.display.__main__ as display_program
import thrmlDenoising.evaluate.__main__ as evaluate_program
import thrmlDenoising.train.__main__ as train_program
from thrmlDenoising.evaluate.opening import replaced, settings
from thrmlDenoising.families.levy import LevyConfig, LevyDiffusion, make_cfg
from thrmlDenoising.runs import complete_epochs

PAGE = (REPOSITORY / "docs/coming_from_dlpm.md").read_text(encoding="utf-8")

TINY = make_cfg(
    exp=dict(descriptor="tiny", generate_gif=False),
    data=dict(name="gmm_2", n_train=64, n_test=60),
    noise=dict(n_timesteps=6, alpha=1.8),
    mlp=dict(width=4, n_blocks=1, time_width=4),
    optim=dict(batch_size=32, learning_rate=0.01, n_warmup_updates=1, average_decay=0.9),
    generation=dict(n_judged=40),
    evaluation=dict(bootstrap_replicates=20),
)

_CONFIGS = REPOSITORY / "thrmlDenoising/families/levy/configs"

Run = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def run(monkeypatch, capsys, folder) -> Run:
    """Runs a program beside `tiny.yaml`; returns what it says."""
    monkeypatch.chdir(folder)
    TINY.save("tiny.yaml")

    def call(program: Any, *words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["program", *map(str, words)])
        try:
            program.main()
        except SystemExit as stopped:
            raise AssertionError(f"{words}: {stopped.code} {capsys.readouterr()}") from None
        return capsys.readouterr().out

    return call


class Trained(NamedTuple):
    """A run, and the model at its end."""

    folder: Path
    model: LevyDiffusion


def trained(run: Run, *words: object) -> Trained:
    """Of two epochs, but for what other words say."""
    said = {str(word) for word in words}
    usual = {"--epochs": 2, "--evaluate-every": 0, "--config": "tiny.yaml"}
    left = [of for flag, value in usual.items() if flag not in said for of in (flag, value)]
    out = run(train_program, "levy", *left, *words)
    found = re.search(r"run folder: (.*)", out)
    assert found
    return Trained(Path(found[1]), LevyDiffusion.load(found[1]))


@pytest.fixture(scope="module")
def bases() -> dict[str, Trained]:
    return {}


@pytest.fixture(params=SLOW)
def base(run, bases) -> Trained:
    """Without any of the words that are tried; its run is made once."""
    if not bases:
        bases["base"] = trained(run)
    return bases["base"]


class Difference(NamedTuple):
    """Whether parameters, what is generated with, and points differ."""

    trained: bool
    averaged: bool
    sampled: bool


def parameters(of: Any) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(of)]


def differ(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    return any((a != b).any() for a, b in zip(ours, theirs, strict=True))


def difference(ours: LevyDiffusion, theirs: LevyDiffusion) -> Difference:
    return Difference(
        differ(parameters(ours.state.denoiser), parameters(theirs.state.denoiser)),
        differ(parameters(ours.state.average), parameters(theirs.state.average)),
        bool((ours.sample(20) != theirs.sample(20)).any()),
    )


SAME = Difference(trained=False, averaged=False, sampled=False)
LEARNT = Difference(trained=True, averaged=True, sampled=True)
AVERAGED = Difference(trained=False, averaged=True, sampled=True)
DRAWN = Difference(trained=False, averaged=False, sampled=True)

# --- run.py --------------------------------------------------------------------------------

WORDS = [
    ("--noise.n-timesteps 4", LEARNT),  # --train_reverse_steps
    ("--generation.n-steps 3", DRAWN),  # --reverse_steps
    ("--generation.clip 0.2", DRAWN),  # --clip
    ("--generation.deterministic True", DRAWN),  # --deterministic
    ("--generation.deterministic True --generation.eta 0.5", DRAWN),
    ("--noise.method lim", LEARNT),  # --method
    ("--exp.seed 7", LEARNT),  # --seed
    ("--optim.average-decay 0", AVERAGED),  # --ema
    ("--noise.alpha 1.5", LEARNT),  # --alpha
    ("--loss.n-groups 3 --loss.group-size 2", LEARNT),  # --median
    ("--loss.group-size 6", LEARNT),
    ("--optim.learning-rate 0.002", LEARNT),  # --lr
    ("--noise.schedule exploding", LEARNT),  # --scale
    ("--noise.isotropic False", LEARNT),  # --non_iso
    ("--exp.descriptor other", SAME),  # --name
]


@pytest.mark.parametrize("case", rest_slow(WORDS, 0), ids=lambda case: case[0])
def test_words_of_training_change_what_they_say(run, base, case):
    words, wanted = case
    assert difference(trained(run, *words.split()).model, base.model) == wanted


@pytest.mark.parametrize("words", [words for words, wanted in WORDS if wanted == DRAWN])
def test_words_of_generation_touch_points_alone(base, words, tmp_path):
    """Without training again: the model with another config."""
    cfg, pairs = base.model.cfg, words.removeprefix("--").replace("-", "_").split(" __")
    changes = settings(cfg, [pair.replace(" ", "=") for pair in pairs])
    other = LevyDiffusion(replaced(cfg, changes), tmp_path)
    other.state = base.model.state
    assert difference(other, base.model) == DRAWN


def test_names_epochs_checkpoints_and_folders_are_as_said(run, base):
    """--name, --epochs, --check, --log, and --config, whose values others change."""
    assert base.model.epoch == 2
    assert base.model.cfg == TINY
    assert base.folder.parent.name == "model_logging_and_saving"
    words = "--exp.descriptor mine --epochs 3 --exp.checkpoint-every 2 --output-dir elsewhere"
    folder, other = trained(run, *words.split())
    assert folder.parent.name == "elsewhere"
    assert folder.name.startswith("mine_")
    assert (folder / "training_log_mine.txt").is_file()
    assert other.epoch == 3
    assert complete_epochs(folder / "model_saving") == [0, 2, 3]
    assert complete_epochs(base.folder / "model_saving") == [0, 1, 2]
    before = LevyDiffusion.load(folder, epoch=2)
    assert difference(before, base.model) == SAME, "the same model on the way there"
    run(train_program, "--resume", folder, "--epochs", 1, "--evaluate-every", 0)
    assert LevyDiffusion.load(folder).epoch == 4


@pytest.mark.slow
def test_evaluations_are_as_often_and_of_as_many_as_said(run, base):
    """--eval and --generate."""
    words = "--evaluate-every 2 --generation.n-judged 30 --epochs 3"
    folder, other = trained(run, *words.split())
    epochs, _ = other.history.series("free_emd")
    assert list(epochs) == [0, 2, 3]
    assert "free_emd" not in base.model.history.metric_names
    file = folder / "evaluations" / "epoch3.json"
    row = json.loads(file.read_text())["free"]["measurements"][0]
    assert row["n_images"] == 30


@pytest.mark.parametrize("name", [file.stem for file in sorted(_CONFIGS.glob("*.yaml"))])
def test_configs_have_names(name):
    """--config; the page names them."""
    cfg = LevyConfig.named(name)
    assert cfg == LevyConfig.load(_CONFIGS / f"{name}.yaml")
    assert name in section("run.py")


# --- eval.py and display.py ----------------------------------------------------------------

SETTINGS = [
    "generation.n_steps=3",
    "generation.deterministic=true",
    "generation.clip=0.2",
    "generation.deterministic=true generation.eta=0.5",
    "evaluation.clamp=0.5",
]


def numbers(out: str) -> list[str]:
    """Rows of the tables that are printed."""
    return [line for line in out.splitlines() if line.startswith("| ")]


@pytest.fixture(scope="module")
def plain() -> dict[str, list[str]]:
    return {}


@pytest.mark.parametrize("program", rest_slow([evaluate_program, display_program], 0), ids=str)
@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_change_what_is_measured_and_leave_the_run(run, base, plain, program, setting):
    """--reverse_steps, --deterministic, --clip and others, of a trained model."""
    folder, name = base.folder, program.__name__
    checkpoints = folder / "model_saving"
    before = {file: file.stat().st_mtime_ns for file in checkpoints.rglob("*")}
    if name not in plain:
        plain[name] = numbers(run(program, folder))
    again = numbers(run(program, folder, "--set", *setting.split()))
    assert len(again) >= 8
    assert again != plain[name]
    assert numbers(run(program, folder)) == plain[name]
    assert {file: file.stat().st_mtime_ns for file in checkpoints.rglob("*")} == before


def test_epochs_and_numbers_of_points_are_as_said(run, base):
    """--eval of eval.py, the checkpoint, and --generate."""
    out = run(evaluate_program, base.folder, "--epoch", 1, "--n", 25, "--output", "one.json")
    assert "points of epoch 1" in out
    content = json.loads(Path("one.json").read_text())
    assert content["epoch"] == 1
    assert content["free"]["measurements"][0]["n_images"] == 25


@pytest.mark.slow
def test_pictures_are_of_the_epoch_and_of_as_many_points_as_said(run, base):
    """display.py, with --generate 1."""
    words = (base.folder, "--epoch", 1, "--n", 2, "--output", "drawn")
    out = run(display_program, *words)
    assert "points of epoch 1" in out
    assert Path("drawn/images/epoch1_free.png").is_file()
    assert Path("drawn/images/epoch1_tails.png").is_file()
    assert not list(Path("drawn").glob("gifs/*"))
    run(display_program, *words[:-1], "animated", "--set", "exp.generate_gif=true")
    assert Path("animated/gifs/epoch1_free.gif").is_file()


# --- the page ------------------------------------------------------------------------------

FLAGS = {
    "run.py": """
        --config --name --method --epochs --eval --check --train_reverse_steps --reverse_steps
        --generate --seed --log --ema --deterministic --clip --alpha --median --lr --scale
        --non_iso""",
    "eval.py": """
        --config --name --method --epochs --eval --generate --reverse_steps --deterministic --clip
        --ema""",
    "display.py": """
        --config --name --method --epochs --reverse_steps --generate --deterministic --clip --ema
        """,
}


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[tuple[str, str]]:
    """Left and right cells of the table of a section."""
    lines = [line for line in section(title).splitlines() if line.startswith("| `")]
    return [tuple(line.strip("| ").split(" | ", 1)) for line in lines]  # pyright: ignore


@pytest.mark.parametrize("command", FLAGS)
def test_every_flag_stands_on_the_left(command):
    found = {code for left, _ in rows(command) for code in re.findall(r"`(--\w+)", left)}
    assert set(FLAGS[command].split()) == found


def test_every_field_on_the_right_exists():
    fields = set(LevyConfig().flat())
    codes = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
    named = {
        name.replace("-", "_")
        for code in codes
        for name in re.findall(r"\b[a-z]+\.[a-z][\w-]*\b", code)
        if name.partition(".")[0] in LevyConfig().sections
    }
    assert len(named) > 12
    assert named - fields == set()
    settable = {name for code in codes for name in re.findall(r"--set ([\w.]+)=", code)}
    assert settable
    assert settable - LevyConfig.free_to_change == set()


def test_every_word_on_the_right_is_understood(run, monkeypatch, capsys):
    """By the help of the programs."""
    texts = []
    for program, words in (
        (train_program, ("levy", "--help")),
        (evaluate_program, ("--help",)),
        (display_program, ("--help",)),
    ):
        monkeypatch.setattr(sys, "argv", ["program", *words])
        with pytest.raises(SystemExit):
            program.main()
        texts.append(capsys.readouterr().out)
    for command, text in zip(FLAGS, texts, strict=True):
        known = {word.replace("_", "-") for word in re.findall(r"--[\w.-]+", text)}
        cells = " ".join(right for _, right in rows(command))
        wanted = {word for word in re.findall(r"`(--[\w.-]+)", cells) if word != "--set"}
        assert wanted
        assert wanted - known == set(), command


def test_every_word_of_training_on_the_page_is_tried_here():
    cells = " ".join(right for _, right in rows("run.py"))
    tried = " ".join(words for words, _ in WORDS)
    others = {"--config", "--epochs", "--evaluate-every", "--output-dir", "--resume"}
    others |= {"--exp.checkpoint-every", "--generation.n-judged"}
    named = set(re.findall(r"`(--[\w.-]+)", cells))
    assert named - set(re.findall(r"--[\w.-]+", tried)) - others == set()


def test_its_code_runs_as_words():
    """The lines of the example are of programs that there are, and fields."""
    (example,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    modules = set(re.findall(r"python -m (\S+)", example))
    assert modules == {f"thrmlDenoising.{name}" for name in ("train", "evaluate", "display")}
