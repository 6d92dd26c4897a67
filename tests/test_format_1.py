"""Runs that the library saved in its first format, see `format_1/README.md`."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny import rest_slow

from thrmlDenoising import DTM, DTMConfig
from thrmlDenoising.data import OwnImages
from thrmlDenoising.evaluate.__main__ import main as evaluate

RUNS = Path(__file__).parent / "format_1"
NAMES = ["toy", "greyscale", "own_images"]


def three_shades() -> OwnImages:
    rng = np.random.default_rng(5)
    classes = np.arange(60) % 3
    images = 0.4 * rng.random((60, 5, 4)) + 0.3 * classes[:, None, None]
    return OwnImages("three_shades", np.clip(images, 0, 1), classes)


@pytest.fixture(params=NAMES)
def name(request) -> str:
    return request.param


@pytest.fixture
def data(name) -> OwnImages | None:
    return three_shades() if name == "own_images" else None


@pytest.fixture
def run(name, tmp_path) -> Path:
    return Path(shutil.copytree(RUNS / name, tmp_path / name))


@pytest.fixture
def expected(run) -> dict[str, np.ndarray]:
    with np.load(run / "expected.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", rest_slow(NAMES))
def test_it_loads_and_draws_the_same_images(run, expected):
    dtm = DTM.load(run)
    assert dtm.epoch == 1
    np.testing.assert_array_equal(dtm.sample(7), expected["free"])
    np.testing.assert_array_equal(dtm.sample(4, labels=1), expected["clamped"])


@pytest.mark.parametrize("name", rest_slow(NAMES))
def test_it_goes_on_as_it_would_have(run, data, expected):
    cfg = DTMConfig.load(run / "model_saving" / "config.yaml")
    dtm = DTM(cfg, data=data)
    dtm.train(1, evaluate_every=2, resume=run)
    for index, step in enumerate(dtm.steps):
        # Another processor rounds otherwise, and Adam makes more of it where a gradient is near 0;
        # one that had forgotten its averages would be off by the learning rate, 0.02 and more.
        np.testing.assert_allclose(step.weights, expected[f"weights_{index}"], atol=2e-3)
        np.testing.assert_allclose(step.biases, expected[f"biases_{index}"], atol=2e-3)
        curve = expected["autocorr"][:, index]
        then = {epoch: value for epoch, value in enumerate(curve) if np.isfinite(value)}
        assert dict(step.autocorrelations) == pytest.approx(then, rel=1e-2, abs=1e-3)
    for metric, value in zip(expected["metric_names"], expected["metrics"], strict=True):
        epochs, values = dtm.history.series(str(metric))
        assert epochs[-1] == 2
        assert values[-1] == pytest.approx(value, rel=1e-2)
    header, *_, last = (run / "metrics.csv").read_text(encoding="utf-8").splitlines()
    row = dict(zip(header.split(","), last.split(","), strict=True))
    penalties = [float(row[f"penalty_step_{index}"]) for index in range(len(dtm.steps))]
    np.testing.assert_allclose(penalties, expected["penalty"][-1], rtol=1e-2)


@pytest.mark.parametrize("name", rest_slow(["toy", "greyscale"]))
def test_it_is_evaluated(run, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["evaluate", str(run), "--images-per-class", "20"])
    evaluate()
    said = capsys.readouterr().out
    assert "clamped images of epoch 1" in said
    assert "## Mixing" in said


def test_steps_of_two_such_runs_are_stitched(tmp_path):
    toy = RUNS / "toy" / "model_saving" / "epoch_001"
    stitched = DTM.load(RUNS / "toy", step_sources=[toy / "step_00.eqx", toy / "step_01.eqx"])
    np.testing.assert_array_equal(stitched.sample(3), DTM.load(RUNS / "toy").sample(3))
