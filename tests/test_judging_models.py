"""Judging models: in whose features, what stands for a run, and what may go wrong on the way."""

import functools
import json
import warnings
from math import inf, nan
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from tiny import TINY, tiny_cfg

from thrmlDenoising import DTM
from thrmlDenoising.data import load_dataset
from thrmlDenoising.families.dtm import measuring
from thrmlDenoising.families.dtm.autocorrelation import AutocorrelationCurve
from thrmlDenoising.families.dtm.mixing import Mixing
from thrmlDenoising.families.dtm.model import DTMModel
from thrmlDenoising.quality import (
    Headline,
    QualitySuite,
    RealImages,
    at_best_epoch,
    headline,
    headline_in_words,
)
from thrmlDenoising.quality.features import CallableFeatures
from thrmlDenoising.support.imports import redefined
from thrmlDenoising.training.keys import seed_key

NAME = "fashion_mnist_10k"
MODES = ("free", "clamped")


def blocks(images: np.ndarray) -> np.ndarray:
    """Mean brightness of 16 blocks."""
    return images.reshape(-1, 4, 7, 4, 7).mean(axis=(2, 4)).reshape(len(images), 16)


# What stands for a run


@pytest.mark.parametrize(
    ("names", "label", "chosen"),
    [
        ("classifier_fd my_fd fid label_agreement", "FID", "fid"),
        ("classifier_kd classifier_fd my_fd accuracy", "classifier FD", "classifier_fd"),
        ("my_fd classifier_fd", "classifier FD", "classifier_fd"),
        ("label_agreement my_kd my_fd", "my FD", "my_fd"),
    ],
)
def test_the_best_known_distance_stands_for_a_run(names: str, label: str, chosen: str):
    found = headline([f"{mode}_{name}" for name in names.split() for mode in MODES])
    assert found == (label, True, {"free": f"free_{chosen}", "clamped": f"clamped_{chosen}"})


@pytest.mark.parametrize(
    "names", ["label_agreement conditional_accuracy", 2 * "centroid_accuracy "]
)
def test_without_a_distance_it_is_the_accuracy_of_this_and_of_older_runs(names: str):
    free, clamped = (f"{mode}_{name}" for mode, name in zip(MODES, names.split(), strict=True))
    found = headline(["free_copied_percent", "free_my_kd", free, clamped])
    assert found is not None
    assert found[1:] == (False, {"free": free, "clamped": clamped})
    assert headline(["free_copied_percent", "seconds"]) is None
    # A toy run that an older version began, and this one went on with.
    both = headline([free, clamped, "free_exact_accuracy", "clamped_exact_accuracy"])
    assert both is not None
    assert both.names == {"free": "free_exact_accuracy", "clamped": "clamped_exact_accuracy"}


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        (dict(free_fid=123.456, clamped_fid=9.0, free_my_fd=1.0), "FID 123 free, 9 clamped"),
        (dict(clamped_classifier_fd=29.44), "classifier FD 29.4 clamped"),
        (
            dict(free_accuracy=81.25, clamped_accuracy=100.0),
            "images of their label's class 81.2 % free, 100 % clamped",
        ),
        (dict(free_copied_percent=1.0), None),
        ({}, None),
    ],
)
def test_what_stands_for_a_run_is_said_in_a_few_words(metrics, words):
    assert headline_in_words(metrics) == words


@pytest.mark.parametrize(
    ("free", "clamped", "best"),
    [
        ([9.0, 12.0, 7.0], [4.0, 3.0, 7.0], {"free": 9.0, "clamped": 4.0}),  # of the sums
        ([9.0, 1.0, 9.0], [4.0, nan, 5.0], {"free": 9.0, "clamped": 4.0}),  # of complete epochs
        ([-inf, inf, 3.0], [1.0, 1.0, 9.0], {"free": 3.0, "clamped": 9.0}),  # of finite ones
        ([2.0, 1.0, 1.5], [1.0, 2.0, 1.5], {"free": 2.0, "clamped": 1.0}),  # of equals, the first
        ([nan, 1.0], [1.0, nan], {}),
        ([], [], {}),
    ],
)
def test_a_run_is_judged_at_its_best_epoch(free, clamped, best):
    assert at_best_epoch({"free": np.array(free), "clamped": np.array(clamped)}) == best


def test_the_best_epoch_of_some_kinds_of_images_and_of_none():
    assert at_best_epoch({"free": np.array([3.0, 2.0])}) == {"free": 2.0}
    assert at_best_epoch({}) == {}


@pytest.mark.parametrize(("is_distance", "best"), [(True, 1), (False, 3)])
def test_the_best_is_the_lowest_distance_or_the_highest_accuracy(is_distance, best):
    chosen = Headline("some metric", is_distance, {})
    assert chosen.best(np.array([nan, 1.0, 1.0, 5.0, 5.0, inf])) == best
    assert chosen.best(np.array([nan, inf])) is None


# Models


CLOTHES = tiny_cfg(
    data=dict(dataset_name=NAME, target_classes=(1, 8)),
    graph=dict(graph_preset_architecture=44_12),
    evaluation=dict(bootstrap_replicates=20),
)


@pytest.mark.parametrize(("n_spots", "accuracy"), [(1, {"label_agreement"}), (0, set())])
@pytest.mark.slow
def test_a_model_is_judged_in_own_features(n_spots: int, accuracy: set[str], tmp_path: Path):
    """With labels or without. An untrained model makes noise: farther than as few test images."""
    dtm = DTM(CLOTHES.replace(graph=dict(num_label_spots=n_spots)), base_dir=tmp_path)
    report = dtm.quality("free", 12, [blocks])
    others = {name for name in report.values if not name.startswith("blocks_")}
    assert others == {"nearest_train_distance", "copied_percent", "binary_mmd"} | accuracy
    assert report.measurements["blocks_fd"].n_images == 24
    dataset = load_dataset(NAME, target_classes=(1, 8), n_levels=1, pixel_threshold=0.1)
    suite = QualitySuite(RealImages(dataset, 0.1), (CallableFeatures(blocks),), n_replicates=20)
    real = suite.measure(dtm.test_dataset.pixels[:24], None, "free", np.random.default_rng(0))
    assert report.values["blocks_fd"] > real.values["blocks_fd"]
    assert report.reference == real.reference
    assert not dtm.logging_and_saving_dir.exists()


def test_a_model_of_toys_is_judged_in_own_features(tmp_path: Path):
    extractor = CallableFeatures(lambda images: images.reshape(len(images), -1), "plain")
    report = DTM(TINY, base_dir=tmp_path).quality("clamped", 8, [extractor])
    assert {"exact_accuracy", "plain_fd", "plain_kd"} <= set(report.values)
    assert "3 real images are too few to have 5 neighbours" in report.notes[0]


def test_training_goes_on_without_inception_weights(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    dtm = DTM(tiny_cfg(evaluation=dict(extractors=("inception",))), base_dir=tmp_path)
    with pytest.warns(UserWarning, match=r"'inception' is left out.*Fetch https://.*\.pth"):
        dtm.train(2, evaluate_every=1)
    assert dtm.epoch == 2
    assert dtm.eval_epochs == [0, 1, 2]
    for epoch in (0, 1, 2):
        file = dtm.logging_and_saving_dir / "evaluations" / f"epoch{epoch}.json"
        content = json.loads(file.read_text(encoding="utf-8"))
        for mode in ("free", "clamped"):
            (note,) = [note for note in content[mode]["notes"] if note.startswith("inception: ")]
            assert str(tmp_path / "torch") in note
            assert [row["n_images"] for row in content[mode]["measurements"]] == [12]


@pytest.mark.slow
def test_a_grey_model_is_judged_by_the_classifier():
    graph = dict(grayscale_levels=3, base_graph_manager="binary_representation")
    dtm = DTM(CLOTHES.replace(graph=graph | dict(graph_preset_architecture=60_12)))
    report = dtm.quality("clamped", 12)
    assert report.reference["levels"] == 3
    assert report.measurements["classifier_fd"].n_reference == len(dtm.train_dataset.pixels)
    assert 0 <= report.values["conditional_accuracy"] <= 100


def test_mistakes_in_asking_are_explained(tmp_path: Path):
    dtm = DTM(TINY, base_dir=tmp_path)
    with pytest.raises(ValueError, match=r"mode='clampd': labels are 'free' or 'clamped'"):
        dtm.quality("clampd")  # pyright: ignore[reportArgumentType] - the mistake
    with pytest.raises(ValueError, match="share a name"):
        dtm.quality("free", 8, [lambda images: images[:, 0], lambda images: images[:, 0]])
    with pytest.raises(ValueError, match="the model is at epoch 0"):
        dtm.eval_epoch(1)
    unknown = DTM(tiny_cfg(evaluation=dict(extractors=("nowhere:none",))), base_dir=tmp_path)
    with pytest.raises(ValueError, match=r"'nowhere' is not imported here.*--trust nowhere"):
        unknown.train(1)
    assert not unknown.logging_and_saving_dir.exists()


def test_an_own_function_is_asked_for_a_batch_at_a_time():
    sizes: list[int] = []

    def counting(images: np.ndarray) -> np.ndarray:
        sizes.append(len(images))
        return images[:, 0]

    images = np.random.default_rng(0).random((1201, 2, 3), dtype=np.float32)
    np.testing.assert_array_equal(CallableFeatures(counting)(images), images[:, 0])
    assert sizes == [500, 500, 201]


def fails(_images: np.ndarray) -> np.ndarray:
    raise KeyError("no memory")


def not_finite(images: np.ndarray) -> np.ndarray:
    return np.where(images[:, 0] > 0, np.nan, 1.0)


def one_for_all(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=0)


def words(images: np.ndarray) -> np.ndarray:
    return np.array([["a", "b"]] * len(images))


def objects(images: np.ndarray) -> np.ndarray:
    return images[:, 0].astype(object)


def nothing(_images: np.ndarray) -> None:
    return None


def in_place(images: np.ndarray) -> np.ndarray:
    """No mistake: it works in its own copy."""
    images[:] = 0
    return np.random.default_rng(0).random((len(images), 2))


BAD = (fails, not_finite, one_for_all, words, objects, nothing)


def test_extractors_that_fail_cost_themselves_alone(tmp_path: Path):
    """No epoch, no picture, and no measurement of another."""
    cfg = tiny_cfg(
        evaluation=dict(extractors=(*BAD, in_place), bootstrap_replicates=20),
        generation=dict(fid_images_per_digit=8),
    )
    dtm = DTM(cfg, base_dir=tmp_path)
    with pytest.warns(UserWarning, match="could not be measured") as warned:
        dtm.train(1)
    assert len(warned) == 2 * 2 * len(BAD)  # modes, epochs
    run = dtm.logging_and_saving_dir
    log = (run / "training_log_tiny.txt").read_text()
    for record in dtm.history.records:
        assert {"free_in_place_fd", "clamped_in_place_fd"} <= set(record.metrics)
        assert {"free_exact_accuracy", "clamped_exact_accuracy"} <= set(record.metrics)
        assert not any(f.__name__ in name for f in BAD for name in record.metrics)
        content = json.loads((run / f"evaluations/epoch{record.epoch}.json").read_text())
        for extractor in BAD:
            assert any(note.startswith(extractor.__name__) for note in content["free"]["notes"])
            assert f"epoch {record.epoch}: {extractor.__name__} of free images could not" in log
    assert len(list((run / "images").iterdir())) == 4
    assert "no memory" in log
    assert "NaN or infinite features for" in log
    with pytest.warns(UserWarning, match="could not be measured"):
        assert dtm.eval_epoch(1) == dtm.history.records[-1].metrics


def test_what_in_place_work_does_to_images_is_seen_by_no_other(tmp_path: Path):
    dtm = DTM(TINY, base_dir=tmp_path)
    plain, worked_on = (dtm.quality("clamped", 8, own).values for own in ([], [in_place]))
    assert {name: worked_on[name] for name in plain} == plain


@pytest.mark.parametrize(
    ("extractor", "error"), [(fails, KeyError), *((f, ValueError) for f in BAD[1:])]
)
def test_whoever_asks_for_an_extractor_is_told_why_it_fails(tmp_path: Path, extractor, error):
    with pytest.raises(error):
        DTM(TINY, base_dir=tmp_path).quality("free", 8, [extractor])


def leaves(_images: np.ndarray) -> np.ndarray:
    raise SystemExit(3)


def test_an_extractor_may_end_the_process(tmp_path: Path):
    cfg = tiny_cfg(evaluation=dict(extractors=(leaves,)), generation=dict(fid_images_per_digit=8))
    dtm = DTM(cfg, base_dir=tmp_path)
    with pytest.raises(SystemExit):
        dtm.train(1)
    assert dtm.history.records == ()


def test_every_step_is_measured_by_itself(monkeypatch):
    kinds = {"measure_autocorrelation": AutocorrelationCurve, "measure_mixing": Mixing}
    for name, kind in kinds.items():
        monkeypatch.setattr(measuring, name, lambda _, step, *__, kind=kind: Mock(kind, step=step))
    model = DTMModel(TINY)
    state = model.init(seed_key(0))
    both: list[list[Any]] = [model.autocorrelations(state), model.mixing(state)]
    for measured in both:
        for found, step in zip(measured, model.steps, strict=True):
            assert found.step is step


def as_before(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=2)


def test_a_function_that_is_defined_again_is_warned_about(monkeypatch):
    by_object, by_name = (
        DTM(tiny_cfg(evaluation=dict(extractors=(own,))))
        for own in (as_before, f"{__name__}:as_before")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        by_object.quality("free", 2)
    monkeypatch.setitem(globals(), "as_before", lambda images: images.max(axis=2))
    with pytest.warns(UserWarning, match="as_before has been defined again .*config again"):
        by_object.quality("free", 2)
    monkeypatch.setitem(globals(), "as_before", functools.wraps(as_before)(lambda images: images))
    with warnings.catch_warnings(record=True) as warned:
        by_name.quality("free", 2)
    assert not warned


@pytest.mark.parametrize("wrapped", [True, False])
def test_what_keeps_its_name_in_a_decorator_is_not_defined_again(monkeypatch, wrapped):
    plain = as_before
    decorated = functools.wraps(plain)(lambda images: plain(images))
    named, given = (plain, decorated) if wrapped else (decorated, plain)
    monkeypatch.setitem(globals(), "as_before", named)
    assert redefined(given) is None


# Extractors whose facts or errors cannot be written down


class Features:
    """An extractor of a user's own."""

    def __init__(self, name: object = "own", fingerprint: object = None) -> None:
        self.name, self.fingerprint = name, fingerprint

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return images[:, 0]


def with_fingerprint(fingerprint: object) -> Features:
    """A function with an attribute; `name` is none, so that it is no extractor yet."""
    features = Features(fingerprint=fingerprint)
    del features.name
    return features


@pytest.mark.parametrize("fingerprint", [b"abc", np.int64(3), Path("weights.npz")])
@pytest.mark.parametrize("own", [with_fingerprint, lambda given: Features(fingerprint=given)])
def test_a_fingerprint_is_text(tmp_path: Path, own, fingerprint):
    with pytest.raises(ValueError, match=r"fingerprint of .* has to be text"):
        DTM(TINY, base_dir=tmp_path).quality("free", 8, [own(fingerprint)])


@pytest.mark.parametrize("name", ["\ud800", "a\nb", "", "a" * 100_000, 5])
def test_a_name_is_one_line(tmp_path: Path, name):
    own = Features(name)
    with pytest.raises(ValueError, match="feature extractor") as error:
        DTM(TINY, base_dir=tmp_path).quality("free", 8, [own])
    assert len(str(error.value)) < 500
    own.__name__ = name if isinstance(name, str) else ""  # pyright: ignore[reportAttributeAccessIssue]
    del own.name
    with pytest.raises(ValueError, match="feature extractor"):
        CallableFeatures(own)


def changes(images: np.ndarray) -> np.ndarray:
    """As if its cell had run again, with a mistake."""
    vars(changes)["fingerprint"] = b"now"
    return in_place(images)


def vanishes(images: np.ndarray) -> np.ndarray:
    """As if its module had been reloaded without it."""
    globals().pop("vanishes", None)
    return in_place(images)


def test_extractors_that_go_bad_while_training_cost_themselves_alone(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(globals(), "vanishes", vanishes)  # and back again
    monkeypatch.delitem(vars(changes), "fingerprint", raising=False)
    own = [f"{__name__}:{name}" for name in ("changes", "vanishes", "in_place")]
    cfg = tiny_cfg(evaluation=dict(extractors=own), generation=dict(fid_images_per_digit=8))
    dtm = DTM(cfg, base_dir=tmp_path)
    with pytest.warns(UserWarning, match="could not be measured") as warned:
        dtm.train(1)
    said = " ".join(str(warning.message) for warning in warned)
    assert "changes' of free images" in said
    assert "has to be text" in said
    assert "vanishes' of clamped images" in said
    before, after = dtm.history.records
    for mode in MODES:
        assert {f"{mode}_changes_fd", f"{mode}_vanishes_fd"} <= set(before.metrics)
        assert f"{mode}_in_place_fd" in after.metrics
        assert not {f"{mode}_changes_fd", f"{mode}_vanishes_fd"} & set(after.metrics)


class Mute(Exception):
    def __str__(self) -> str:
        raise OSError("no words")

    __repr__ = __str__


def raises_given(_images: np.ndarray) -> np.ndarray:
    raise vars(raises_given)["error"]


@pytest.mark.parametrize("error", [Mute(), ValueError("x" * 10**7), ValueError("\ud800\nb")])
def test_errors_of_any_words_cost_their_own_measurements(tmp_path: Path, monkeypatch, error):
    monkeypatch.setitem(vars(raises_given), "error", error)
    cfg = tiny_cfg(
        evaluation=dict(extractors=(raises_given,)), generation=dict(fid_images_per_digit=8)
    )
    dtm = DTM(cfg, base_dir=tmp_path)
    with pytest.warns(UserWarning, match="could not be measured: (Mute|ValueError)"):
        dtm.train(1)
    assert dtm.epoch == 1
    run = dtm.logging_and_saving_dir
    assert all(path.stat().st_size < 10**6 for path in [*run.glob("*.txt"), *run.rglob("*.json")])
