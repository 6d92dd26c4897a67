"""The arithmetic of the sampler for processors: lanes, random words and the chance of a spin.

Arithmetic is compared bit for bit. A random comparison raises a false alarm with chance 1e-7
(`exactness.ALARM`), Bonferroni over everything it compares.
"""

import inspect
from collections.abc import Callable
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from exactness import ALARM, scores_p_value
from jaxtyping import Bool, Float, Float32, Int64, UInt32
from numba import njit

from thrmlDenoising.sampling.cpu import kernels, lanes
from thrmlDenoising.sampling.cpu.lanes import (
    LANES,
    add_where,
    as_floats,
    bits_of_floats,
    clipped,
    count_where,
    floats,
    floats_of_bits,
    fused,
    load,
    n_lanes_of,
    not_above,
    shifted_left,
    shifted_right,
    store,
)

SEEDS = (0, 1, 2)
Rows = UInt32[np.ndarray, "row lane"]
"""What goes into a kernel and comes out of it: lanes themselves cannot leave compiled code."""

# --- lanes ---------------------------------------------------------------------------------

N_ROWS = 200
EDGE_WORDS = [0, 1, 2, 2**24 - 1, 2**24 + 1, 2**24 + 3, 2**31 - 1, 2**31, 2**32 - 129, 2**32 - 1]
EDGE_FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, -1e-38, 2.0**-126, 126.5, -3e38, 3e38, 1 + 2**-23]


def lanes_in(masks: UInt32[np.ndarray, " row"]) -> Bool[np.ndarray, "row lane"]:
    """Bit k of a mask is lane k."""
    return masks.astype(np.int64)[:, None] // 2 ** np.arange(LANES) % 2 == 1


# Operations on lanes a, b and a row's scalar n; and what they mean in whole numbers.
ON_WORDS: dict[str, tuple[Callable, Callable]] = {
    "add": (lambda a, b, n: a + b, lambda a, b, n: (a + b) % 2**32),
    "sub": (lambda a, b, n: a - b, lambda a, b, n: (a - b) % 2**32),
    "xor": (lambda a, b, n: a ^ b, lambda a, b, n: a ^ b),
    "or": (lambda a, b, n: a | b, lambda a, b, n: a | b),
    "shifted_left": (
        lambda a, b, n: shifted_left(a, n % np.uint32(32)),
        lambda a, b, n: a * 2 ** (n % 32)[:, None] % 2**32,
    ),
    "shifted_right": (
        lambda a, b, n: shifted_right(a, n % np.uint32(32)),
        lambda a, b, n: a // 2 ** (n % 32)[:, None],
    ),
    "count_where": (
        lambda a, b, n: count_where(n, a),
        lambda a, b, n: (a + lanes_in(n)) % 2**32,
    ),
    "as_floats": (
        lambda a, b, n: bits_of_floats(as_floats(a)),
        lambda a, b, n: a.astype(np.float32).view(np.uint32),
    ),
    "floats_of_bits": (lambda a, b, n: bits_of_floats(floats_of_bits(a)), lambda a, b, n: a),
}

# Operations on lanes x, y, a row's mask and a row's number; and what they mean in float32.
ON_FLOATS: dict[str, tuple[Callable, Callable]] = {
    "add": (lambda x, y, mask, number: x + y, lambda x, y, mask, number: x + y),
    "sub": (lambda x, y, mask, number: x - y, lambda x, y, mask, number: x - y),
    "mul": (lambda x, y, mask, number: x * y, lambda x, y, mask, number: x * y),
    "floats": (
        lambda x, y, mask, number: floats(number),
        lambda x, y, mask, number: np.repeat(number, LANES),
    ),
    "clipped": (
        lambda x, y, mask, number: clipped(x, floats(-1.5), floats(126.0)),
        lambda x, y, mask, number: np.where(x < -1.5, -1.5, np.where(x > 126, 126, x)),
    ),
    "add_where": (
        lambda x, y, mask, number: add_where(mask, x, number),
        lambda x, y, mask, number: np.where(lanes_in(mask), x + number[:, None], x),
    ),
    "not_above": (
        lambda x, y, mask, number: add_where(not_above(x, y), floats(0.0), 1.0),
        lambda x, y, mask, number: x <= y,
    ),
}


def as_compiled(row: Callable[[Callable], Callable], operation: Callable) -> Callable:
    return njit(row(njit(operation)))


def as_numpy(row: Callable[[Callable], Callable], operation: Callable) -> Callable:
    """What NUMBA_DISABLE_JIT=1 makes of it."""
    return row(operation)


def rows_of_words(operation: Callable) -> Callable[..., None]:
    def run(out, a, b, n):
        for row in range(len(out)):
            store(out[row], operation(load(a[row]), load(b[row]), n[row]))

    return run


def rows_of_floats(operation: Callable) -> Callable[..., None]:
    def run(out, x, y, mask, number):
        for row in range(len(out)):
            lanes = floats_of_bits(load(x[row])), floats_of_bits(load(y[row]))
            result = operation(lanes[0], lanes[1], mask[row], number[row])
            store(out[row], bits_of_floats(result))

    return run


def with_edges(rng: np.random.Generator, values: np.ndarray, edges: list) -> np.ndarray:
    """About a third of the values become edges."""
    return np.where(rng.random(values.shape) < 0.3, rng.choice(edges, values.shape), values)


def random_words(rng: np.random.Generator, *shape: int) -> UInt32[np.ndarray, "..."]:
    words = rng.integers(0, 2**32, shape)
    return with_edges(rng, words, EDGE_WORDS).astype(np.uint32)


def random_floats(rng: np.random.Generator, *shape: int) -> Float32[np.ndarray, "..."]:
    numbers = rng.normal(size=shape) * 2.0 ** rng.integers(-30, 31, shape)
    return with_edges(rng, numbers, EDGE_FLOATS).astype(np.float32)


@pytest.mark.parametrize("run_as", [as_compiled, as_numpy])
@pytest.mark.parametrize("name", ON_WORDS)
def test_operations_on_words_mean_what_they_say(name, run_as):
    operation, meaning = ON_WORDS[name]
    rng = np.random.default_rng(0)
    a, b, n = (random_words(rng, *shape) for shape in [(N_ROWS, LANES)] * 2 + [(N_ROWS,)])
    found = np.empty_like(a)
    run_as(rows_of_words, operation)(found, a, b, n)
    wanted = meaning(a.astype(np.int64), b.astype(np.int64), n)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("run_as", [as_compiled, as_numpy])
@pytest.mark.parametrize("name", ON_FLOATS)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_operations_on_floats_mean_what_they_say(name, run_as):
    """Bit for bit, with signed zeros, subnormal numbers and overflow."""
    operation, meaning = ON_FLOATS[name]
    rng = np.random.default_rng(0)
    x, y = random_floats(rng, N_ROWS, LANES), random_floats(rng, N_ROWS, LANES)
    mask, number = random_words(rng, N_ROWS), random_floats(rng, N_ROWS)
    found = np.empty(x.shape, np.uint32)
    bits = x.view(np.uint32), y.view(np.uint32)
    run_as(rows_of_floats, operation)(found, *bits, mask, number)
    wanted = np.asarray(meaning(x, y, mask, number), np.float32).reshape(x.shape)
    np.testing.assert_array_equal(found, wanted.view(np.uint32))


@njit
def fuse(out, x, y, z):
    for row in range(len(out)):
        a, b, c = load(x[row]), load(y[row]), load(z[row])
        result = fused(floats_of_bits(a), floats_of_bits(b), floats_of_bits(c))
        store(out[row], bits_of_floats(result))


def nearest_float32(exact: Fraction) -> np.float32:
    """Ties go to the number whose last bit is 0."""
    near = np.float32(exact)
    candidates = [np.nextafter(near, np.float32(way)) for way in (-np.inf, np.inf)] + [near]
    return min(candidates, key=lambda c: (abs(Fraction(float(c)) - exact), c.view(np.uint32) & 1))


def test_fused_rounds_once():
    """Against rational numbers; the last product is 1 + 2^-24 exactly, half-way to the next."""
    rng = np.random.default_rng(0)
    x, y, z = (random_normal(rng, scale) for scale in (1.0, 4.0, 1.0))
    z[: N_ROWS // 2] = -x[: N_ROWS // 2] * y[: N_ROWS // 2]  # cancels all but what was rounded off
    x[-1], y[-1], z[-1] = 97 * 257, 673 * 2.0**-24, 2.0**-60
    found = np.empty(x.shape, np.uint32)
    fuse(found, *(numbers.view(np.uint32) for numbers in (x, y, z)))
    exact = [
        Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
        for a, b, c in zip(x.ravel(), y.ravel(), z.ravel(), strict=True)
    ]
    wanted = np.array([nearest_float32(number) for number in exact]).reshape(x.shape)
    np.testing.assert_array_equal(found.view(np.float32), wanted)
    assert (wanted[-1] == 1 + 2**-23).all()
    # By way of float64 nothing else comes out, unless that lands half-way by rounding.
    np.testing.assert_array_equal([*map(fused, x[:-1], y[:-1], z[:-1])], wanted[:-1])


def random_normal(rng: np.random.Generator, scale: float) -> Float32[np.ndarray, "row lane"]:
    return (scale * rng.normal(size=(N_ROWS, LANES))).astype(np.float32)


def test_a_mask_has_as_many_lanes_as_bits():
    count = njit(lambda mask: n_lanes_of(mask))
    for mask in random_words(np.random.default_rng(0), 500):
        assert count(mask) == n_lanes_of(mask) == format(mask, "b").count("1")


def test_kernels_notice_when_lanes_change():
    source = Path(inspect.getfile(lanes)).read_text(encoding="utf-8")
    assert sha256(source.encode()).hexdigest() == kernels.LANES_DIGEST, "put this into kernels.py"


# --- random words --------------------------------------------------------------------------


@njit
def generate_words(streams, out):
    s0, s1, s2, s3 = load(streams[0]), load(streams[1]), load(streams[2]), load(streams[3])
    for row in range(len(out)):
        words, s0, s1, s2, s3 = kernels.next_words(s0, s1, s2, s3)
        store(out[row], words)


def words_of(streams: UInt32[np.ndarray, "4 lane"], n_steps: int) -> Rows:
    words = np.empty((n_steps, LANES), np.uint32)
    generate_words(streams, words)
    return words


def random_streams(seed: int) -> UInt32[np.ndarray, "4 lane"]:
    return np.random.default_rng(seed).integers(0, 2**32, (4, LANES), np.uint32)


PUBLISHED = [641, 1573767, 3222811527, 3517856514, 836907274, 4247214768, 3867114732, 1355841295]
"""The first words after the state 1, 2, 3, 4, by the authors' reference implementation in C."""


def xoshiro128plusplus(state: list[int], n_steps: int) -> list[int]:
    """The published algorithm in Python's whole numbers."""

    def rotl(x: int, k: int) -> int:
        return (x << k | x >> 32 - k) & 0xFFFFFFFF

    s, words = list(state), []
    for _ in range(n_steps):
        words.append((rotl((s[0] + s[3]) & 0xFFFFFFFF, 7) + s[0]) & 0xFFFFFFFF)
        t = s[1] << 9 & 0xFFFFFFFF
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 11)
    return words


def test_words_are_those_of_xoshiro128plusplus():
    for seed in SEEDS:
        streams = random_streams(seed)
        streams[:, 0] = 1, 2, 3, 4
        wanted = [xoshiro128plusplus(lane.tolist(), 1000) for lane in streams.T]
        assert wanted[0][: len(PUBLISHED)] == PUBLISHED
        np.testing.assert_array_equal(words_of(streams, 1000).T, wanted)


def uniformity(words: Rows) -> Float[np.ndarray, " statistic"]:
    """Scores: the mean of each lane, each bit, and how each lane correlates with its past."""
    u = (words + 0.5) / 2**32 - 0.5
    means = u.mean(axis=0) * np.sqrt(12 * len(u))
    n_up = (words[..., None] >> np.arange(32, dtype=np.uint32) & 1).sum(axis=(0, 1), dtype=float)
    bits = (n_up - words.size / 2) / np.sqrt(words.size / 4)
    lags = [12 * (u[:-k] * u[k:]).sum(axis=0) / np.sqrt(len(u) - k) for k in (1, 2, 3, 4, 8, 16)]
    return np.concatenate([means, bits, *lags])


@pytest.mark.slow
def test_words_are_uniform_and_forget():
    for seed in SEEDS:
        words = words_of(random_streams(seed), 2**15)
        assert scores_p_value(uniformity(words)) > ALARM
        assert scores_p_value(uniformity(words // 2)) < ALARM
        assert scores_p_value(uniformity(words | np.uint32(1))) < ALARM
        assert scores_p_value(uniformity(np.repeat(words[::2], 2, axis=0))) < ALARM


# --- the chance of a spin ------------------------------------------------------------------


@njit
def powers(x, out):
    for row in range(len(out)):
        store(out[row], bits_of_floats(kernels.power_of_two(floats_of_bits(load(x[row])))))


@njit
def accepted(exponents, words, masks):
    for row in range(len(masks)):
        exponent = floats_of_bits(load(exponents[row]))
        masks[row] = kernels.up_at_random(exponent, load(words[row]))


def accept(
    exponents: Float32[np.ndarray, "row lane"], words: Int64[np.ndarray, "row lane"]
) -> Bool[np.ndarray, "row lane"]:
    masks = np.empty(len(words), np.uint32)
    accepted(exponents.view(np.uint32), words.astype(np.uint32), masks)
    return lanes_in(masks)


def n_accepted(exponents: Float32[np.ndarray, "row lane"]) -> Int64[np.ndarray, "row lane"]:
    """The smallest word that is not accepted, if those that are come first, by bisection."""
    n = np.zeros(exponents.shape, np.int64)
    for bit in range(31, -1, -1):
        more = n + 2**bit
        n = np.where(accept(exponents, more - 1), more, n)
    return n + accept(exponents, n)


STATED_ERROR = 2e-7


def grid(start: float, stop: float, n_rows: int) -> Float32[np.ndarray, "row lane"]:
    return np.linspace(start, stop, n_rows * LANES, dtype=np.float32).reshape(n_rows, LANES)


def test_powers_of_two_are_as_exact_as_stated():
    """Everywhere, and densely where the error repeats: between two whole numbers."""
    whole = np.arange(-126, 127)[:, None]
    halves = np.clip(np.repeat(whole + 0.5, LANES, axis=1), -126, 126).astype(np.float32)
    beside = [np.nextafter(halves, np.float32(way)) for way in (-np.inf, np.inf)]
    for x in [grid(-126, 126, 2**15), grid(-1, 1, 2**15), halves, *beside]:
        x = np.clip(x, np.float32(-126), np.float32(126))
        found = np.empty(x.shape, np.uint32)
        powers(x.view(np.uint32), found)
        error = found.view(np.float32) / np.exp2(x.astype(float)) - 1
        assert np.abs(error).max() <= STATED_ERROR
    x = np.repeat(whole, LANES, axis=1).astype(np.float32)
    powers(x.view(np.uint32), found := np.empty(x.shape, np.uint32))
    np.testing.assert_array_equal(found.view(np.float32), np.exp2(x))


def test_a_spin_is_up_with_the_logistic_chance():
    """A threshold of the word: as many words in 2^32 are accepted as 1 / (1 + 2^t) demands."""
    for exponents in [grid(-40, 40, 2000), grid(-2, 2, 2000)]:
        chance = 1 / (1 + np.exp2(exponents.astype(float)))
        np.testing.assert_allclose(n_accepted(exponents) / 2**32, chance, rtol=0, atol=2e-7)


def test_fewer_words_are_never_accepted_after_more():
    exponents = grid(-34, 34, 16)
    threshold = n_accepted(exponents)
    rng = np.random.default_rng(0)
    beside = [threshold + offset for offset in (-1000, -257, *range(-3, 3), 256, 1000)]
    for words in [*beside, *rng.integers(0, 2**32, (100, *threshold.shape))]:
        words = np.clip(words, 0, 2**32 - 1)
        np.testing.assert_array_equal(accept(exponents, words), words < threshold)


def test_spins_under_strong_fields_are_frozen():
    large = np.array([34, 50, 90, 91, 126, 127, 1e4, 3e38, np.inf], np.float32)
    exponents = np.repeat(large, LANES).reshape(-1, LANES)
    assert (n_accepted(exponents) == 0).all()
    assert (n_accepted(-exponents) == 2**32).all()
