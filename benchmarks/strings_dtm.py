"""What a step of a DTM makes of strings, held against what is exactly true.

    python -m benchmarks.strings_dtm represented    # how near small machines come
    python -m benchmarks.strings_dtm learnt         # what DTMs learn, and a network in as long

A step is asked for p(x_0 | x_1), the string that a noisy one was. Of a grammar that is known,
whatever encoding makes tokens pixels, and of a machine of 25 spins its answer too, by enumeration.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, product
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, Key
from scipy.special import entr, logsumexp, rel_entr, softmax
from scipy.stats import binom

from thrmlDenoising import DTM, make_cfg
from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.data import OwnImages
from thrmlDenoising.data.hierarchy import RandomHierarchy
from thrmlDenoising.families.dtm.reverse import denoise
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.families.hierarchy import HierarchyConfig, HierarchyDiffusion
from thrmlDenoising.families.hierarchy.strings import draw_strings
from thrmlDenoising.processes.bit_flips import LabelledImages
from thrmlDenoising.sampling import Parameters

Tokens = Int[np.ndarray, "string token"]
Sections = Mapping[str, Mapping[str, Any]]
"""By section of a config, the fields that differ."""


class Encoding(NamedTuple):
    """How a token is made of pixels.

    Attributes:
        manager: how pixels are made of bits.
        one_hot: whether there is a black or white pixel for each symbol, or one of as many levels.
    """

    manager: str
    one_hot: bool

    def pixels(self, tokens: Tokens, n_symbols: int) -> np.ndarray:
        """Images of levels, (string, row, column)."""
        return np.eye(n_symbols, dtype=int)[tokens] if self.one_hot else tokens[:, None, :]

    def tokens(self, pixels: np.ndarray, n_symbols: int) -> Tokens:
        """Of images, (string, row, column); the first pixel that is white, and `n_symbols` where
        not just one of them is.
        """
        if not self.one_hot:
            return pixels[:, 0].astype(int)
        return np.where(pixels.sum(axis=2) == 1, pixels.argmax(axis=2), n_symbols)

    def rows(self, pixels: Array, n_tokens: int, n_symbols: int) -> np.ndarray:
        """Pixels as images, (string, row, column)."""
        shape = (n_tokens, n_symbols) if self.one_hot else (1, n_tokens)
        return np.asarray(pixels).reshape(-1, *shape)

    def n_levels(self, n_symbols: int) -> int:
        """Grey levels above black."""
        return 1 if self.one_hot else n_symbols - 1


ENCODINGS = {
    "one pixel a symbol": Encoding("poisson_binomial", one_hot=True),
    "trials": Encoding("poisson_binomial", one_hot=False),
    "tied trials": Encoding("binomial", one_hot=False),
    "digits": Encoding("binary_representation", one_hot=False),
}
SMALL_ENCODINGS = ("one pixel a symbol", "trials", "digits")
"""Whose bits are not tied, so that they have few states."""


class TrainedDTM(NamedTuple):
    """A DTM on strings, and the seconds that its training took."""

    dtm: DTM
    seconds: float

    @classmethod
    def on(
        cls,
        rhm: RandomHierarchy,
        tokens: Tokens,
        encoding: Encoding,
        seed: int,
        n_epochs: int,
        sections: Sections,
    ) -> "TrainedDTM":
        """On strings as images, without labels; its run folder is not kept."""
        n_levels = encoding.n_levels(rhm.n_symbols)
        pixels = encoding.pixels(tokens, rhm.n_symbols) / n_levels
        labels = np.zeros(len(tokens), int)
        images = OwnImages("strings", pixels.astype(np.float32), labels, test_fraction=0.001)
        cfg = make_cfg(
            data=images.cfg,
            graph=dict(
                base_graph_manager=encoding.manager, grayscale_levels=n_levels, num_label_spots=0
            ),
            exp=dict(generate_gif=False, compute_autocorr=False, seed=seed),
        )
        with tempfile.TemporaryDirectory() as folder:
            dtm = DTM(cfg.replace(**sections), folder, data=images)
            started = time.perf_counter()
            dtm.train(n_epochs, evaluate_every=0)
            return cls(dtm, time.perf_counter() - started)


def clean_images(encoding: Encoding, tokens: Tokens, n_symbols: int) -> LabelledImages:
    """Strings before any noise."""
    pixels = encoding.pixels(tokens, n_symbols).reshape(len(tokens), -1)
    return LabelledImages(jnp.asarray(pixels, jnp.uint8), jnp.zeros((len(tokens), 0), bool))


def log_likelihood(
    step: DiffusionStep, encoding: Encoding, noisy: np.ndarray, n_symbols: int
) -> Float[np.ndarray, "string token symbol"]:
    """ln p(noisy pixels | symbol) of the forward process up to the input of a step.

    Args:
        noisy: levels, (string, row, column).
    """
    flip = flip_chance(step)
    if encoding.one_hot:
        same = noisy[:, :, None, :] == np.eye(n_symbols, dtype=int)
        return np.log(np.where(same, 1 - flip, flip)).sum(axis=-1)
    return np.log(level_transitions(n_symbols - 1, flip)).T[noisy[:, 0]]


def flip_chance(step: DiffusionStep) -> float:
    """With which a bit of the data has changed at the input of a step."""
    return float(np.asarray(step.data_to_input.image))


def level_transitions(n: int, flip: float) -> Float[np.ndarray, "level noisy_level"]:
    """p(noisy level | level) of n trials, each flipped by itself."""
    rows = [
        np.convolve(
            binom.pmf(np.arange(k + 1), k, 1 - flip), binom.pmf(np.arange(n - k + 1), n - k, flip)
        )
        for k in range(n + 1)
    ]
    return np.array(rows)


# --- what can be represented ---------------------------------------------------------------


class States(NamedTuple):
    """All states of a machine of few spins whose visible spins have one colour.

    The spins of that colour are written down, those of the other are summed over.

    Attributes:
        first: nodes of the visible colour, the visible ones first.
        second: the others.
        spins: +-1 of the first; the lowest bits of a state's number are visible.
        visible: those of every joint state of the visible spins.
    """

    first: Int[np.ndarray, " first"]
    second: Int[np.ndarray, " second"]
    spins: Float[Array, "state first"]
    visible: Float[Array, "visible_state visible"]

    @classmethod
    def of(cls, graph: BaseGraph) -> "States":
        """Of a graph of two colours, and some 16 nodes of the visible one."""
        (color,) = set(graph.colors[graph.visible_nodes].tolist())
        same, second = np.flatnonzero(graph.colors == color), np.flatnonzero(graph.colors != color)
        first = np.concatenate([graph.visible_nodes, np.setdiff1d(same, graph.visible_nodes)])
        bits = np.arange(2 ** len(first))[:, None] >> np.arange(len(first)) & 1
        spins, n_visible = jnp.asarray(2.0 * bits - 1, jnp.float32), len(graph.visible_nodes)
        return cls(first, second, spins, spins[: 2**n_visible, :n_visible])

    def log_p(
        self, step: DiffusionStep, parameters: Parameters, inputs: Bool[Array, "input visible"]
    ) -> Float[Array, "input visible_state"]:
        """ln P(visible spins | input)."""
        biases = parameters.biases[step.bias_of_node]
        n_nodes, edges = len(biases), step.edges
        weights = jnp.zeros((n_nodes, n_nodes))
        weights = weights.at[edges[:, 0], edges[:, 1]].set(parameters.weights[step.weight_of_edge])
        weights = (weights + weights.T)[np.ix_(self.first, self.second)]
        fields = self.spins @ weights + biases[self.second]
        minus_energy = self.spins @ biases[self.first] + jnp.logaddexp(fields, -fields).sum(axis=1)
        by_itself = jax.nn.logsumexp(minus_energy.reshape(-1, len(self.visible)), axis=0)
        told = (2.0 * inputs - 1.0) @ (step.input_couplings * self.visible).T
        return jax.nn.log_softmax(by_itself + told)


def descended(
    key: Key[Array, ""], states: States, step: DiffusionStep, clean: LabelledImages, n: int
) -> Parameters:
    """Of little -ln P(x_0 | x_1), by n steps of Adam along exact gradients from one start."""
    places = 1 << jnp.arange(states.visible.shape[1])
    optimiser = optax.adam(optax.cosine_decay_schedule(0.05, n))

    def loss(parameters: Parameters, outputs: Array, inputs: Array) -> Array:
        log_p = states.log_p(step, parameters, inputs)
        return -jnp.take_along_axis(log_p, (outputs @ places)[:, None], axis=1).mean()

    @eqx.filter_jit
    def followed(state: tuple[Parameters, optax.OptState], key: Key[Array, ""]) -> tuple:
        slope = jax.grad(loss)(state[0], *step.noisy_pair(key, clean))
        change, moments = optimiser.update(slope, state[1])
        return optax.apply_updates(state[0], change), moments

    init_key, key = jax.random.split(key)
    n_biases, n_weights = (int(of.max()) + 1 for of in (step.bias_of_node, step.weight_of_edge))
    weights = 0.1 * jax.random.normal(init_key, (n_weights,))
    state = (parameters := Parameters(jnp.zeros(n_biases), weights), optimiser.init(parameters))
    for one in jax.random.split(key, n):
        state = followed(state, one)
    return state[0]


class Truth(NamedTuple):
    """Noisy strings, and how likely each string of a grammar is given them.

    Attributes:
        inputs: visible bits.
        p: of all strings.
    """

    inputs: Bool[Array, "noisy visible"]
    p: Float[np.ndarray, "noisy string"]

    @classmethod
    def of(
        cls, step: DiffusionStep, encoding: Encoding, clean: LabelledImages, tokens: Tokens, n: int
    ) -> "Truth":
        """n strings in turn, noised to the input of a step."""
        chosen = jax.tree.map(lambda leaf: leaf[np.arange(n) % len(leaf)], clean)
        inputs, n_symbols = step.noisy_input(jax.random.key(7), chosen), int(tokens.max()) + 1
        levels = encoding.rows(step.decode(inputs).pixels, tokens.shape[1], n_symbols)
        seen = log_likelihood(step, encoding, levels, n_symbols)
        log_p = seen[:, np.arange(tokens.shape[1]), tokens].sum(axis=-1)
        return cls(inputs, softmax(log_p, axis=1))

    @property
    def entropy(self) -> float:
        """In bits a string, in the mean."""
        return float(entr(self.p).sum(axis=1).mean() / np.log(2))

    def of_tokens_one_by_one(self, tokens: Tokens) -> float:
        """The KL of tokens drawn one by one, each with its true chances, in bits a string."""
        marginals = np.einsum("ns,stv->ntv", self.p, np.eye(tokens.max() + 1)[tokens])
        return float(entr(marginals).sum(axis=(1, 2)).mean() / np.log(2)) - self.entropy

    def kl(
        self,
        step: DiffusionStep,
        encoding: Encoding,
        parameters: Parameters,
        states: States,
        tokens: Tokens,
    ) -> float:
        """KL(truth || what a machine makes of it), in bits a string, in the mean."""
        log_p = np.asarray(states.log_p(step, parameters, self.inputs), np.float64)
        n_symbols = int(tokens.max()) + 1
        levels = encoding.rows(step.decode(states.visible > 0).pixels, tokens.shape[1], n_symbols)
        made = encoding.tokens(levels, n_symbols)
        is_string = (made[None] == tokens[:, None]).all(axis=-1)
        log_q = np.stack([logsumexp(log_p, axis=1, b=one) for one in is_string], axis=1)
        return float(-(self.p * log_q).sum(axis=1).mean() / np.log(2)) - self.entropy


def represented(seeds: Sequence[int]) -> Iterator[str]:
    """How near to the truth machines of 25 spins come, on all strings of a small grammar."""
    yield "| encoding | neighbours | bits flipped | truth | one by one | exact gradients | learnt |"
    yield "|---|---|---|---|---|---|---|"
    for name, n_rules, n_steps in product(SMALL_ENCODINGS, (1, 2), (4, 1)):
        sections = small_machine(n_rules, n_steps)
        found = [small_numbers(ENCODINGS[name], seed, sections) for seed in seeds]
        flips, entropy, alone, *kls = zip(*found, strict=True)
        numbers = f"{4 * n_rules} | {flips[0]:.2f} | {entropy[0]:.2f} | {alone[0]:.2f}"
        yield f"| {name} | {numbers} | {' | '.join(f'{min(k):.2f} to {max(k):.2f}' for k in kls)} |"


def small_numbers(encoding: Encoding, seed: int, sections: Sections) -> tuple[float, ...]:
    """The chance that a bit is flipped; bits a string: the entropy of the truth, and how far from
    it tokens drawn one by one are, a machine of exact gradients, and one trained as usual.
    """
    rhm = RandomHierarchy(3, 3, 2, 2, 2, seed=0)
    tokens = rhm.strings(range(rhm.n_strings)).tokens
    dtm = TrainedDTM.on(rhm, tokens.repeat(32, axis=0), encoding, seed, 20, sections).dtm
    step, states = dtm.steps[0].diffusion, States.of(dtm.steps[0].graph)
    clean = clean_images(encoding, tokens, rhm.n_symbols)
    truth = Truth.of(step, encoding, clean, tokens, 256)
    exact = descended(jax.random.key(seed), states, step, clean, 3000)
    both = exact, dtm.steps[0].state.parameters
    kls = [truth.kl(step, encoding, of, states, tokens) for of in both]
    return flip_chance(step), truth.entropy, truth.of_tokens_one_by_one(tokens), *kls


def small_machine(n_rules: int, n_steps: int) -> Sections:
    """A grid of 25 nodes with 4 neighbours or 8, in a chain of so many steps."""
    return dict(
        graph=dict(side=5, torus=False, connection_rules=((0, 1), (1, 2))[:n_rules]),
        diffusion_schedule=dict(num_diffusion_steps=n_steps, diffusion_offset=0.0),
        sampling=dict(batch_size=32, n_samples=20, steps_per_sample=2, steps_warmup=30) | PAIRED,
        optim=dict(step_learning_rates=(0.02,)),
    )


# --- what is learnt ------------------------------------------------------------------------


class Trial(NamedTuple):
    """A DTM on the strings of the example: its encoding, and what else differs.

    Attributes:
        sections: of its config.
    """

    encoding: str
    sections: Sections

    def __str__(self) -> str:
        changes = [f"{k}={v}" for of in self.sections.values() for k, v in of.items()]
        return ", ".join([self.encoding, *changes])


PAIRED = dict(negative_start="data", phase_order="paired")
BASE: Sections = dict(
    graph=dict(graph_preset_architecture=20_8),
    diffusion_schedule=dict(num_diffusion_steps=2, diffusion_offset=0.0),
    diffusion_rates=dict(image_rate=0.8),
    sampling=dict(batch_size=64, n_samples=10, steps_per_sample=2, steps_warmup=20) | PAIRED,
    generation=dict(steps_warmup=200, generation_beta_start=1.0, generation_beta_end=1.0),
    optim=dict(step_learning_rates=(0.02,)),
)


def learnt(trials: Iterable[Trial], n_epochs: int, seeds: Sequence[int]) -> Iterator[str]:
    """What DTMs make of the example's 1,024 strings."""
    grammar = HierarchyConfig.named("example").hierarchy
    rhm, data = grammar.grammar, draw_strings(grammar)
    for trial in trials:
        for seed in seeds:
            encoding = ENCODINGS[trial.encoding]
            sections = {name: {**of, **trial.sections.get(name, {})} for name, of in BASE.items()}
            dtm, seconds = TrainedDTM.on(rhm, data.train.tokens, encoding, seed, n_epochs, sections)
            made = encoding.tokens(dtm.sample(1000), rhm.n_symbols)
            whole = (made < rhm.n_symbols).all(axis=1)
            validity = rhm.validity(made[whole]) * whole.mean()
            gap, independent = last_step(dtm, rhm, data.test.tokens[:50], encoding, 1000)
            yield (
                f"| {trial} | {seed} | {100 * whole.mean():.0f} "
                f"| {in_per_cent(validity)} "
                f"| {gap:.3f} | {independent:.3f} | {seconds:.0f} |"
            )


def by_network(n_epochs: int, seeds: Sequence[int]) -> Iterator[str]:
    """What the network of the example learns."""
    for seed in seeds:
        cfg = HierarchyConfig.named("example").replace(exp=dict(seed=seed))
        with tempfile.TemporaryDirectory() as folder:
            model = HierarchyDiffusion(cfg, folder)
            started = time.perf_counter()
            model.train(n_epochs, evaluate_every=0)
            seconds = time.perf_counter() - started
        validity = cfg.hierarchy.grammar.validity(model.sample(1000))
        yield f"| network | {seed} | 100 | {in_per_cent(validity)} | | | {seconds:.0f} |"


def in_per_cent(validity: Float[np.ndarray, " level"]) -> str:
    """Of the levels from the tokens up."""
    return " / ".join(f"{100 * level:.1f}" for level in validity)


def last_step(
    dtm: DTM, rhm: RandomHierarchy, tokens: Tokens, encoding: Encoding, n: int
) -> tuple[float, float]:
    """KL(p(token | x_1) || what the last step says), in bits a token, from n chains a string.

    And that of tokens that are read off by themselves. Where a token is no symbol its chain does
    not count.
    """
    step, machine = dtm.steps[0].diffusion, dtm.steps[0].machine
    clean = clean_images(encoding, tokens, rhm.n_symbols)
    noisy = step.decode(step.noisy_input(jax.random.key(1), clean))
    levels = encoding.rows(noisy.pixels, rhm.n_tokens, rhm.n_symbols)
    seen = log_likelihood(step, encoding, levels, rhm.n_symbols)
    truth = rhm.posterior_of(seen).tokens
    repeated = jax.tree.map(lambda leaf: jnp.repeat(leaf, n, axis=0), noisy)
    schedule = dtm.model.annealing.schedule()
    made = denoise(jax.random.key(2), step, machine, repeated, schedule).pixels
    symbols = encoding.tokens(encoding.rows(made[-1], rhm.n_tokens, rhm.n_symbols), rhm.n_symbols)
    counts = (symbols.reshape(len(tokens), n, -1, 1) == np.arange(rhm.n_symbols)).sum(axis=1)
    said = (counts + 0.5) / (counts + 0.5).sum(axis=-1, keepdims=True)
    alone = softmax(seen, axis=-1)
    bits = [float(rel_entr(truth, q).sum(axis=-1).mean() / np.log(2)) for q in (said, alone)]
    return bits[0], bits[1]


def changed(**sections: Mapping[str, Any]) -> Sections:
    """Sections by name."""
    return sections


SHORT = dict(negative_start="fresh", phase_order="independent")
LONG = dict(steps_warmup=100, n_samples=20, steps_per_sample=4)
TRIALS = [
    *(Trial(name, {}) for name in ENCODINGS),
    *(
        Trial(name, sections)
        for name in ("one pixel a symbol", "trials")
        for sections in (
            changed(diffusion_schedule=dict(num_diffusion_steps=1)),
            changed(diffusion_schedule=dict(num_diffusion_steps=4)),
            changed(diffusion_schedule=dict(num_diffusion_steps=8)),
            changed(graph=dict(graph_preset_architecture=44_12)),
            changed(sampling=SHORT),
            changed(sampling=LONG),
            changed(optim=dict(step_learning_rates=(0.005,))),
            changed(optim=dict(step_learning_rates=(0.08,))),
            changed(diffusion_rates=dict(image_rate=1.6)),
        )
    ),
]


def main() -> None:
    """Prints the rows of one of both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("represented", "learnt"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=60, help="of what is learnt")
    parser.add_argument("--network-epochs", type=int, default=120)
    parser.add_argument("--only", help="of what is learnt, what this is part of the name of")
    given = parser.parse_args()
    if given.what == "represented":
        lines = represented(given.seeds)
    else:
        chosen = [trial for trial in TRIALS if (given.only or "") in str(trial)]
        lines = learnt(chosen, given.epochs, given.seeds)
        if not given.only:
            lines = chain(lines, by_network(given.network_epochs, given.seeds))
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
