"""Strings a second of belief propagation on grammars: `python -m benchmarks.hierarchy`.

What is computed is p(token | noisy tokens) of every token. Beside the library stand two plain
programs in NumPy, which send the same messages in a loop over nodes: one string at a time, and all
strings at once. All take turns, so that their ratios stay right on a busy machine.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from benchmarks.records import Machine
from benchmarks.timing import interleaved
from thrmlDenoising.data.hierarchy import RandomHierarchy, denoised, drawn, uniform_log_likelihood

GRAMMARS = {
    "v=32, m=8, s=2, L=7": RandomHierarchy(32, 32, 8, 2, 7),
    "v=8, m=3, s=2, L=3": RandomHierarchy(8, 8, 3, 2, 3, seed=42),
    "v=8, m=3, s=4, L=3": RandomHierarchy(8, 8, 3, 4, 3),
}
NOISE = 0.4


def by_nodes(
    rules: tuple[Int[np.ndarray, "head synonym place"], ...],
    p: Float[np.ndarray, "string token symbol"],
) -> Float[np.ndarray, "string token symbol"]:
    """p(token | data) by a loop over nodes, each of which treats all strings that are given."""
    ups = [p / p.sum(axis=-1, keepdims=True)]
    for table in reversed(rules):
        s, below = table.shape[2], ups[-1]
        up = np.empty((len(p), below.shape[1] // s, len(table)), np.float32)
        for node in range(up.shape[1]):
            seen = read(table, below[:, s * node : s * node + s])
            up[:, node] = seen.prod(axis=0).mean(axis=-1)
            up[:, node] /= up[:, node].sum(axis=-1, keepdims=True)
        ups.append(up)
    ups.reverse()
    down = np.full_like(ups[0], 1 / ups[0].shape[-1])
    for table, below in zip(rules, ups[1:], strict=True):
        s, told = table.shape[2], np.empty_like(below)
        places = np.eye(below.shape[-1], dtype=np.float32)[table.reshape(-1, s)]
        for node in range(down.shape[1]):
            seen = read(table, below[:, s * node : s * node + s])
            for place in range(s):
                others = np.delete(seen, place, axis=0).prod(axis=0)
                weights = (down[:, node, :, None] * others).reshape(len(p), -1)
                message = weights @ places[:, place]
                told[:, s * node + place] = message / message.sum(axis=-1, keepdims=True)
        down = told
    found = ups[-1] * down
    return found / found.sum(axis=-1, keepdims=True)


def read(
    table: Int[np.ndarray, "head synonym place"], below: Float[np.ndarray, "string place symbol"]
) -> Float[np.ndarray, "place string head synonym"]:
    """What the nodes below one say of its rules."""
    return np.stack([below[:, place][:, table[:, :, place]] for place in range(table.shape[2])])


def one_by_one(
    rules: tuple[Int[np.ndarray, "head synonym place"], ...],
    p: Float[np.ndarray, "string token symbol"],
) -> Float[np.ndarray, "string token symbol"]:
    """The same, string after string."""
    return np.concatenate([by_nodes(rules, one[None]) for one in p])


def calls(
    rhm: RandomHierarchy, n_strings: int, n_slow: int
) -> dict[str, tuple[int, Callable[[], Any]]]:
    """What is timed, by name, with how many strings it treats.

    Args:
        n_slow: strings of the programs that treat them one by one.
    """
    tokens = noisy(rhm, n_strings)
    log_likelihood = uniform_log_likelihood(tokens, NOISE, rhm.n_symbols)
    leaves, p = jnp.asarray(log_likelihood), np.exp(log_likelihood)
    key = jax.random.key(0)
    return {
        "denoised": (n_strings, partial(denoised, rhm.tree, leaves)),
        "drawn, 1 string each": (n_strings, partial(drawn, rhm.tree, leaves, key, 1)),
        "posterior, with checks": (n_strings, partial(rhm.posterior, tokens, NOISE)),
        "NumPy, all at once": (n_strings, partial(by_nodes, rhm.rules, p)),
        "NumPy, one by one": (n_slow, partial(one_by_one, rhm.rules, p[:n_slow])),
    }


def noisy(rhm: RandomHierarchy, n: int) -> Int[np.ndarray, "string token"]:
    """Strings whose tokens have been drawn anew here and there."""
    rng = np.random.default_rng(0)
    tokens = rhm.strings(rng.integers(0, min(rhm.n_strings, 2**62), n).tolist()).tokens
    anew = rng.random(tokens.shape) < NOISE
    return np.where(anew, rng.integers(0, rhm.n_symbols, tokens.shape), tokens)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hierarchy", description=__doc__)
    parser.add_argument("--repeats", type=int, default=9, help="calls a median is taken of")
    parser.add_argument("--strings", type=int, default=1024, help="of a call")
    parser.add_argument("--only", nargs="+", choices=GRAMMARS, default=list(GRAMMARS))
    arguments = parser.parse_args()
    print(Machine.here())
    for grammar in arguments.only:
        timed = calls(GRAMMARS[grammar], arguments.strings, n_slow=8)
        timings = interleaved({name: call for name, (_, call) in timed.items()}, arguments.repeats)
        print(f"\n{grammar:26}{'strings/s':>12}{'compiled in s':>16}")
        for name, timing in timings.items():
            print(f"{name:26}{timed[name][0] / timing.warm:12,.0f}{timing.cold:16.1f}")


if __name__ == "__main__":
    main()
