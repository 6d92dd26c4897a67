"""A graph of the user's own: as little as it asks for, and what it is told when it is wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import int32
from tiny import FAST_SAMPLERS, REPOSITORY, assert_same_states, finished, python, tiny_cfg, trained

from thrmlDenoising import DTM
from thrmlDenoising.base_graphs import (
    AbstractBaseGraphManager,
    BaseGraph,
    PoissonBinomialIsingGraphManager,
)
from thrmlDenoising.processes.bit_flips import LabelledImages


class RestrictedManager(AbstractBaseGraphManager):
    """A restricted Boltzmann machine: every visible node is joined to every one of six hidden."""

    def encode(self, pixels):
        return jnp.asarray(pixels) > 0

    def decode(self, bits):
        return bits.astype(jnp.uint8)

    def build_graph(self, seed):
        n_visible = self.n_pixels + self.n_label_nodes
        visible, hidden = np.indices((n_visible, 6)).reshape(2, -1)
        return BaseGraph.untied(
            edges=np.stack([visible, n_visible + hidden], axis=1).astype(np.int32),
            colors=np.repeat(int32(0, 1), (n_visible, 6)),
            image_nodes=np.arange(self.n_pixels, dtype=np.int32),
            label_nodes=np.arange(self.n_pixels, n_visible, dtype=np.int32),
        )


class ThinnedManager(RestrictedManager):
    """Loses a number of edges that depends on the seed: steps have graphs of different shapes."""

    def build_graph(self, seed):
        graph = super().build_graph(seed)
        kept = np.sort(np.random.default_rng(seed).permutation(graph.n_edges)[seed % 7 + 1 :])
        return BaseGraph.untied(
            graph.edges[kept], graph.colors, graph.image_nodes, graph.label_nodes
        )


def cfg_of(manager: type[AbstractBaseGraphManager], sampler: str = "auto"):
    return tiny_cfg(graph=dict(base_graph_manager=manager), sampling=dict(backend=sampler))


@pytest.mark.parametrize("manager", [RestrictedManager, ThinnedManager])
@pytest.mark.parametrize("sampler", [*FAST_SAMPLERS, "thrml"])
@pytest.mark.slow
def test_it_trains_saves_and_loads_on_every_sampler(tmp_path, sampler, manager):
    dtm = trained(tmp_path, 2, cfg_of(manager, sampler).replace(exp=dict(graph_seeds=(3, 5))))
    if manager is ThinnedManager:
        assert dtm.steps[0].graph.n_edges != dtm.steps[1].graph.n_edges
    assert dtm.steps[0].graph.n_nodes == 3 + 3 + 6
    loaded = DTM.load(dtm.logging_and_saving_dir)
    assert_same_states(dtm, loaded)
    np.testing.assert_array_equal(loaded.sample(5, labels=1), dtm.sample(5, labels=1))
    assert type(loaded.manager) is manager


SCRIPT = """
import sys
import jax.numpy as jnp, numpy as np
from thrmlDenoising import DTM, make_cfg
from thrmlDenoising.base_graphs import PoissonBinomialIsingGraphManager
from tiny import tiny_cfg
{definition}
if len(sys.argv) > 2:
    dtm = DTM.load(sys.argv[2])
else:
    dtm = DTM(tiny_cfg(graph=dict(base_graph_manager=Mirrored)), base_dir=sys.argv[1])
    dtm.train(1, evaluate_every=1)
    print(dtm.logging_and_saving_dir)
print(dtm.sample(4, labels=0).tolist(), dtm.steps[0].graph.image_nodes.tolist())
"""

DEFINITION = """
class Mirrored(PoissonBinomialIsingGraphManager):
    def build_graph(self, seed):
        {body}
"""


@pytest.mark.slow
def test_a_class_of_a_script_is_found_again_by_its_name(tmp_path):
    """And the graph of the checkpoint is the one that was trained, whatever the class says now."""

    def run(definition: str, *arguments):
        script = tmp_path / "script.py"
        script.write_text(SCRIPT.format(definition=definition), encoding="utf-8")
        paths = f"{tests}:{tests.parent}"
        return python(script, tmp_path, *arguments, PYTHONPATH=paths)

    tests = REPOSITORY / "tests"
    drawn = DEFINITION.format(body="return super().build_graph(seed + 1)")
    folder, images = finished(run(drawn)).splitlines()[-2:]
    never_drawn = DEFINITION.format(body="raise AssertionError('drawn again')")
    assert finished(run(never_drawn, folder)).splitlines()[-1] == images
    out, errors = run("", folder).communicate(timeout=300)
    assert "'Mirrored' is needed, which was defined in a notebook or a script" in errors, out


@pytest.mark.slow
def test_a_class_that_has_changed_since_is_named(tmp_path, monkeypatch):
    dtm = trained(tmp_path, 1, cfg_of(RestrictedManager))
    monkeypatch.setattr(
        RestrictedManager, "encode", lambda self, pixels: jnp.repeat(jnp.asarray(pixels) > 0, 2, -1)
    )
    monkeypatch.setattr(
        RestrictedManager, "decode", lambda self, bits: bits[..., ::2].astype(jnp.uint8)
    )
    words = r"saved when RestrictedManager was another class: .* \(3,\), but .* 6 image bits"
    with pytest.raises(ValueError, match=words):
        DTM.load(dtm.logging_and_saving_dir)


@pytest.mark.slow
def test_a_class_that_is_edited_in_place_is_not_run_as_it_was(monkeypatch):
    """As `%autoreload` of IPython edits it, or an assignment to a method."""
    cfg = cfg_of(RestrictedManager)
    clean = LabelledImages(jnp.zeros((20, 3), jnp.uint8), jnp.zeros((20, 3), bool))

    def noisy_images() -> np.ndarray:
        return np.asarray(DTM(cfg).steps[0].diffusion.noisy_input(jax.random.key(0), clean))[:, :3]

    before = noisy_images()
    monkeypatch.setattr(RestrictedManager, "encode", lambda self, pixels: pixels == 0)
    monkeypatch.setattr(RestrictedManager, "decode", lambda self, bits: (~bits).astype(jnp.uint8))
    np.testing.assert_array_equal(noisy_images(), ~before)


# --- mistakes ------------------------------------------------------------------------------


class BitsOfAnotherType(RestrictedManager):
    """Grey levels where bits should be."""

    def encode(self, pixels):
        return jnp.asarray(pixels)


class BitsWithoutABatch(RestrictedManager):
    """All images in one row."""

    def encode(self, pixels):
        return super().encode(pixels).reshape(-1)


class PixelsOfAnotherShape(RestrictedManager):
    """One pixel lost."""

    def decode(self, bits):
        return super().decode(bits)[..., 1:]


class DecodesOneBatchOnly(RestrictedManager):
    """Fails on samples of images."""

    def decode(self, bits):
        n_images, n_bits = bits.shape
        return bits.reshape(n_images, n_bits).astype(jnp.uint8)


class DecodesInNumPy(RestrictedManager):
    """Works until it is compiled."""

    def decode(self, bits):
        return jnp.asarray(np.asarray(bits).astype(np.uint8))


class Inverted(RestrictedManager):
    """Black comes back as white."""

    def decode(self, bits):
        return super().decode(~bits)


class Constant(RestrictedManager):
    """Shows the same whatever it is given."""

    def encode(self, pixels):
        return jnp.zeros_like(pixels, bool)


class DoubledBits(RestrictedManager):
    """Two bits a pixel: 00 and 11; reads 10 as level 2, which there is not."""

    def encode(self, pixels):
        return jnp.repeat(jnp.asarray(pixels) > 0, 2, axis=-1)

    def decode(self, bits):
        return jnp.where(bits[..., ::2] & ~bits[..., 1::2], 2, bits[..., ::2]).astype(jnp.uint8)


class InterleavedBits(RestrictedManager):
    """Two bits a pixel, but all first bits first."""

    def encode(self, pixels):
        return jnp.tile(jnp.asarray(pixels) > 0, 2)

    def decode(self, bits):
        return bits[..., : self.n_pixels].astype(jnp.uint8)


class ABitTooMany(RestrictedManager):
    """A parity bit after all pixels."""

    def encode(self, pixels):
        bits = super().encode(pixels)
        return jnp.concatenate([bits, bits.sum(axis=-1, keepdims=True) % 2 == 1], axis=-1)

    def decode(self, bits):
        return super().decode(bits[..., :-1])


class AnotherEncoding(PoissonBinomialIsingGraphManager):
    """Two bits a pixel, on a graph that has one."""

    def encode(self, pixels):
        return jnp.repeat(super().encode(pixels), 2, axis=-1)

    def decode(self, bits):
        return super().decode(bits[..., ::2])


class NoGraph(RestrictedManager):
    """Edges alone."""

    def build_graph(self, seed):  # pyright: ignore[reportIncompatibleMethodOverride] a mistake
        return super().build_graph(seed).edges


class ImageNodeMissing(RestrictedManager):
    """A node for two of three pixels."""

    def build_graph(self, seed):
        graph = super().build_graph(seed)
        return BaseGraph.untied(graph.edges, graph.colors, graph.image_nodes[1:], graph.label_nodes)


class EdgeInsideAColor(RestrictedManager):
    """Two pixels joined that are updated at once."""

    def build_graph(self, seed):
        graph = super().build_graph(seed)
        edges = np.concatenate([graph.edges, int32((0, 1))])
        return BaseGraph.untied(edges, graph.colors, graph.image_nodes, graph.label_nodes)


class LonelyPixel(RestrictedManager):
    """Pixel 2 joined to nothing."""

    def build_graph(self, seed):
        graph = super().build_graph(seed)
        edges = graph.edges[graph.edges[:, 0] != 2]
        return BaseGraph.untied(edges, graph.colors, graph.image_nodes, graph.label_nodes)


@pytest.mark.parametrize(
    ("manager", "words"),
    [
        (BitsOfAnotherType, r"encode made uint8 of an array \(3,\): it must make bool"),
        (BitsWithoutABatch, r"encode made an array \(18,\) of one \(2, 3, 3\)"),
        (PixelsOfAnotherShape, r"decode made an array \(2,\) of one \(3,\): it must make \(3,\)"),
        (DecodesOneBatchOnly, r"decode fails under jax.jit on an array \(3,\): not enough values"),
        (DecodesInNumPy, r"decode fails under jax.jit .*[\s\S]*Use jax.numpy in it"),
        (Inverted, r"decode\(encode\(x\)\) must be x, but level 0 came back as 1"),
        (Constant, r"decode\(encode\(x\)\) must be x, but level 1 came back as 0"),
        (DoubledBits, r"decode made level 2 of some code, but graph.grayscale_levels=1"),
        (InterleavedBits, r"does not put all bits of pixel 0 first"),
        (ABitTooMany, r"encode makes 4 bits of 3 pixels: it must make as many of each"),
        (AnotherEncoding, r"encode makes 6 bits, but n_image_bits is 3: a class with another"),
        (NoGraph, r"build_graph made a ndarray: it must return a BaseGraph"),
        (ImageNodeMissing, r"image_nodes of shape \(2,\), but ImageNodeMissing has 3 image bits"),
        (EdgeInsideAColor, r"edge \(0, 1\) joins two nodes of colour 0"),
        (LonelyPixel, r"visible node 2 has no edge"),
    ],
)
def test_a_wrong_manager_is_told_so_before_anything_is_trained(tmp_path, manager, words):
    with pytest.raises(ValueError, match=words):
        DTM(cfg_of(manager), base_dir=tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_class_that_is_no_manager_is_refused():
    with pytest.raises(ValueError, match="dict is no base-graph manager: derive it from"):
        tiny_cfg(graph=dict(base_graph_manager=dict))
