"""What a process has set in JAX and NumPy changes no result, and nothing that was saved."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import (
    FAST_SAMPLERS,
    assert_same_states,
    finished,
    measured,
    python,
    tiny_cfg,
    trained,
)

from thrmlDenoising import DTM, DTMConfig
from thrmlDenoising.base_graphs import (
    MANAGERS,
    AbstractBaseGraphManager,
    GraphSpec,
    Lattice,
    LatticeGraphManager,
)

CFG = tiny_cfg(sampling=dict(negative_start="persistent"))
SAMPLERS = [*FAST_SAMPLERS, "thrml"]


@contextmanager
def x64() -> Iterator[None]:
    """64 bits for this thread, which versions of JAX have under different names."""
    if hasattr(jax, "enable_x64"):
        setting = jax.enable_x64(True)
    else:
        from jax.experimental import enable_x64  # pyright: ignore[reportAttributeAccessIssue]

        setting = enable_x64(True)
    with setting:
        yield


@contextmanager
def strict_promotion() -> Iterator[None]:
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        yield


@contextmanager
def foreign_settings() -> Iterator[None]:
    """All at once, none of them JAX's or NumPy's own."""
    settings = [
        x64(),
        jax.default_prng_impl("rbg"),
        jax.threefry_partitionable(False),
        strict_promotion(),
        jax.default_matmul_precision("bfloat16"),
        jax.transfer_guard("disallow"),
        jax.debug_key_reuse(True),
        jax.legacy_prng_key("error"),
        jax.debug_nans(True),
        jax.disable_jit(True),
        np.errstate(all="raise"),
        np.printoptions(precision=1, threshold=1),
    ]
    with ExitStack() as stack:
        for setting in settings:
            stack.enter_context(setting)
        jax.config.update("jax_random_seed_offset", 7)
        stack.callback(jax.config.update, "jax_random_seed_offset", 0)
        yield


def images_of(dtm: DTM) -> list[np.ndarray]:
    return [dtm.sample(7), dtm.sample(3, labels=1)]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.slow
def test_models_samples_and_measurements_are_the_same(tmp_path, sampler):
    cfg = CFG.replace(sampling=dict(backend=sampler))
    plain = trained(tmp_path, 1, cfg)
    with foreign_settings():
        foreign = trained(tmp_path, 1, cfg)
        images, mixing = images_of(foreign), foreign.mixing()
    assert_same_states(foreign, plain)
    assert measured(foreign) == measured(plain)
    np.testing.assert_equal(images, images_of(plain))
    np.testing.assert_equal(mixing, plain.mixing())
    for path in plain.logging_and_saving_dir.rglob("*.png"):
        same = foreign.logging_and_saving_dir / path.relative_to(plain.logging_and_saving_dir)
        if path.name != "fid_vs_epoch.png":
            assert same.read_bytes() == path.read_bytes()


TRAIN = """
import sys
from thrmlDenoising import DTM, DTMConfig
dtm = DTM(DTMConfig.load(sys.argv[1]), base_dir=sys.argv[2])
dtm.train(1, evaluate_every=2)
print(dtm.logging_and_saving_dir)
"""


@pytest.mark.slow
def test_a_run_goes_on_under_other_settings_and_tells_of_both(tmp_path):
    CFG.save(tmp_path / "config.yaml")
    variables = {
        "JAX_ENABLE_X64": "1",
        "JAX_DEFAULT_PRNG_IMPL": "unsafe_rbg",
        "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    }
    process = python("-c", TRAIN, tmp_path / "config.yaml", tmp_path / "runs", **variables)
    straight = trained(tmp_path / "straight", 2, CFG)
    run = finished(process).strip()
    resumed = DTM(CFG)
    resumed.train(1, evaluate_every=2, resume=run)
    assert_same_states(resumed, straight)
    assert measured(resumed)[-1] == measured(straight)[-1]
    with x64(), jax.default_prng_impl("rbg"):
        loaded = DTM.load(run)
        images = images_of(loaded)
    assert_same_states(loaded, straight)
    np.testing.assert_equal(images, images_of(straight))

    first, second = (resumed.model_saving_path / f"epoch_00{epoch}" for epoch in (1, 2))
    under, plain = (json.loads((path / "manifest.json").read_text()) for path in (first, second))
    assert under["made_with"]["settings"] == {
        "jax_enable_x64": "True",
        "jax_default_prng_impl": "unsafe_rbg",
        "jax_numpy_dtype_promotion": "strict",
    }
    assert plain["made_with"]["settings"] == {}
    assert plain["made_with"]["versions"]["jax"] == jax.__version__
    log = (resumed.logging_and_saving_dir / "training_log_tiny.txt").read_text()
    told, again = (line for line in log.splitlines() if "device(s)" in line)
    assert "jax_enable_x64=True, jax_default_prng_impl=unsafe_rbg" in told
    assert "jax_" not in again


def test_settings_of_the_process_are_its_own_again(tmp_path):
    with x64(), jax.numpy_rank_promotion("raise"):
        DTM(CFG, base_dir=tmp_path).sample(1)
        assert jnp.zeros(1).dtype == jnp.float64
        with pytest.raises(ValueError, match="rank"):
            jnp.add(jnp.zeros((2, 3)), jnp.zeros(3))


@pytest.mark.parametrize("manager", MANAGERS.values())
def test_encodings_can_be_called_under_strict_promotion(manager):
    lattice = Lattice(4, ((0, 1),), torus=True)
    encoding = manager(GraphSpec((1, 2), 3, 2, lattice))
    pixels = np.array([[0, 3], [1, 2]], np.uint8)
    with strict_promotion():
        bits = encoding.encode(pixels)
        np.testing.assert_array_equal(encoding.decode(bits), pixels)


class PromotingManager(LatticeGraphManager):
    """Mixes ranks and dtypes, as JAX allows unless it is told otherwise."""

    def encode(self, pixels):
        bits = (jnp.asarray(pixels) + jnp.zeros(self.n_pixels, jnp.int32))[..., None]
        return (bits > jnp.arange(self.n_levels)).reshape(*pixels.shape[:-1], -1)

    def decode(self, bits):
        return bits.astype(jnp.uint8)


class FailingManager(PromotingManager):
    @cached_property
    def n_image_bits(self):
        return 3

    def encode(self, pixels):
        return jnp.zeros(3) + jnp.zeros(2)


def cfg_of(manager: type[AbstractBaseGraphManager]) -> DTMConfig:
    return tiny_cfg(graph=dict(base_graph_manager=manager))


def test_an_own_manager_meets_the_settings_it_was_written_for():
    with strict_promotion():
        assert DTM(cfg_of(PromotingManager)).sample(2).shape == (2, 1, 3)


def test_a_manager_that_fails_is_told_of_settings_that_do_not_hold():
    with x64(), pytest.raises(ValueError, match="not under jax_enable_x64=True"):
        DTM(cfg_of(FailingManager))
    with pytest.raises(ValueError, match="encode fails") as raised:
        DTM(cfg_of(FailingManager))
    assert "settings" not in str(raised.value)


@pytest.fixture(scope="module")
def dtm() -> DTM:
    return DTM(CFG)


class TestKeys:
    @pytest.mark.parametrize("implementation", ["threefry2x32", "rbg", "unsafe_rbg"])
    def test_of_any_generator_are_taken(self, dtm, implementation):
        key = jax.random.key(3, impl=implementation)
        first, second = (dtm.sample(9, key=key) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_of_the_old_form_are_the_same_keys(self, dtm):
        for implementation in ("threefry2x32", "rbg"):
            old = jax.random.PRNGKey(3, impl=implementation)
            new = jax.random.key(3, impl=implementation)
            np.testing.assert_array_equal(dtm.sample(9, key=old), dtm.sample(9, key=new))

    @pytest.mark.parametrize(
        ("wrong", "named"),
        [
            (3, "int"),
            (np.zeros(2), r"array \(2,\) of float64"),
            (np.zeros(3, np.uint32), r"array \(3,\) of uint32"),
            (jax.random.split(jax.random.key(0)), r"array \(2,\) of key"),
        ],
    )
    def test_anything_else_is_refused(self, dtm, wrong, named):
        with pytest.raises(ValueError, match=rf"key is .*{named}.*jax\.random\.key\(0\)"):
            dtm.sample(1, key=wrong)
        with pytest.raises(ValueError, match="no random key"):
            dtm.gen_images(wrong, 1, True, 1)
