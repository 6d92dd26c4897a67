"""What a config of heavy-tailed diffusion refuses: wrong values, and fields that do nothing."""

import pytest
from heavy import image_cfg, tiny_cfg

from thrmlDenoising.families.levy import LevyConfig


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (dict(noise=dict(alpha=1.0)), "noise.alpha must be a finite number above 1, to 2, not 1"),
        (dict(noise=dict(alpha=2.5)), "noise.alpha must be a finite number above 1, to 2"),
        (dict(data=dict(alpha=0.5)), "data.alpha must be a finite number above 1, to 2"),
        (dict(noise=dict(nu=2.0)), "noise.nu must be a finite number above 2"),
        (dict(noise=dict(method="ddpm")), "noise.method must be .*dlpm.*lim.*t_edm"),
        (dict(noise=dict(n_timesteps=0)), "noise.n_timesteps must be"),
        (dict(noise=dict(spacing=0.0)), "noise.spacing must be a finite number above 0"),
        (dict(loss=dict(n_groups=0)), "loss.n_groups must be an integer of at least 1"),
        (dict(loss=dict(kind="mean")), "loss.kind must be .*smooth.*root.*squared"),
        (dict(generation=dict(eta=1.5)), "generation.eta must be a finite number from 0 to 1"),
        (dict(generation=dict(eta=0.5)), "generation.eta=0.5 with .*deterministic=False.*DLIM"),
        (dict(generation=dict(clip=0.0)), "generation.clip must be"),
        (dict(optim=dict(batch_size=65)), "batch_size=65 is more than the 64 training examples"),
        (dict(data=dict(imbalance=0.5)), "data.imbalance must be a finite number of at least 1"),
        (dict(data=dict(image="a.png")), "a picture goes with the name 'image'"),
        (dict(data=dict(name="image")), "a picture goes with the name 'image'"),
        (dict(data=dict(n_axes=2)), "describes own points in part"),
        (dict(data=dict(name="gmm_gird")), r"gmm_gird.*Points: gmm_2, gmm_grid"),
        (dict(data=dict(name="smoke_testing_3_1_3")), "toy sets are of one image a class"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(sections, message):
    with pytest.raises(ValueError, match=message):
        tiny_cfg(**sections)


@pytest.mark.parametrize("method", ["lim", "t_edm"])
def test_noise_on_the_deterministic_way_is_of_dlpm_alone(method):
    generation = dict(eta=0.5, deterministic=True)
    assert tiny_cfg(generation=generation).generation.eta == 0.5
    with pytest.raises(ValueError, match=rf"noise.method='{method}'.*Leave it at 0"):
        tiny_cfg(generation=generation, noise=dict(method=method))


def test_what_touches_training_stays_in_a_resumed_run():
    free = LevyConfig.free_to_change
    assert {name for name in free if name.startswith("generation.")} == {
        f"generation.{name}" for name in ("n_steps", "deterministic", "eta", "clip", "n_judged")
    }
    assert not [name for name in free if name.startswith(("noise.", "loss.", "optim.", "mlp."))]


def test_classes_without_an_image_are_refused():
    with pytest.raises(ValueError, match="leaves the last class without images"):
        image_cfg(data=dict(imbalance=1e9))


def test_no_more_are_drawn_than_judged():
    with pytest.raises(ValueError, match=r"n_drawn=61 are drawn of generation.n_judged=60"):
        image_cfg(exp=dict(n_drawn=61))


def test_classes_exist():
    with pytest.raises(ValueError, match="has the classes 0 to 9, not 10"):
        image_cfg(data=dict(target_classes=(0, 10)))


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        (dict(noise=dict(method="t_edm", alpha=1.7)), "noise.alpha=1.7 .* Student's t"),
        (dict(noise=dict(method="t_edm", isotropic=False)), "noise.isotropic=False .* one size"),
        (dict(noise=dict(nu=3.0)), "noise.nu=3.0 .* 'dlpm' is stable"),
        (dict(noise=dict(method="lim", nu=3.0)), "noise.nu=3.0 .* 'lim' is stable"),
        (dict(loss=dict(kind="root", threshold=1.0)), "loss.threshold=1.0 .*'root' has none"),
        (dict(data=dict(alpha=1.5)), "data.alpha=1.5 .* 'gmm_2' have no exponent"),
        (dict(data=dict(imbalance=5.0)), "data.imbalance=5.0 .* no classes"),
        (dict(data=dict(target_classes=(0, 1))), "data.target_classes=.* no classes"),
        (dict(data=dict(data_dir="here")), "data.data_dir='here' .* drawn, and not read"),
        (dict(network=dict(channels=8)), "network.channels=8 .* section mlp"),
        (dict(exp=dict(n_drawn=4)), "exp.n_drawn=4 .* all that are judged are drawn"),
        (dict(evaluation=dict(extractors=("inception",))), "evaluation.extractors=.*points"),
        (dict(evaluation=dict(inception_weights="w")), "evaluation.inception_weights=.*points"),
    ],
    ids=str,
)
def test_fields_that_would_do_nothing_for_points_are_refused(sections, why):
    with pytest.raises(ValueError, match=rf"{why}.*Leave it at"):
        tiny_cfg(**sections)


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        (dict(data=dict(n_train=50)), "data.n_train=50 .* all of which are learnt"),
        (dict(data=dict(alpha=1.9)), "data.alpha=1.9 .* all of which are learnt"),
        (dict(mlp=dict(width=8)), "mlp.width=8 .* section network"),
        (dict(evaluation=dict(clamp=1.0)), "evaluation.clamp=1.0 .* black and white"),
    ],
    ids=str,
)
def test_fields_that_would_do_nothing_for_images_are_refused(sections, why):
    with pytest.raises(ValueError, match=rf"{why}.*Leave it at"):
        image_cfg(**sections)


@pytest.mark.parametrize("method", ["dlpm", "lim"])
def test_squares_of_noise_without_a_variance_have_no_mean(method):
    squared = dict(loss=dict(kind="squared"), noise=dict(method=method, alpha=1.9))
    with pytest.raises(ValueError, match=r"loss.kind='squared' with noise.alpha=1.9.*'smooth'"):
        tiny_cfg(**squared)
    assert tiny_cfg(**squared | dict(noise=dict(method=method, alpha=2.0))).loss.kind == "squared"
    assert tiny_cfg(**squared, denoiser=dict(says="start")).loss.kind == "squared"
