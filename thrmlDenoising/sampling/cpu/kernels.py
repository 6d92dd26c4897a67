"""Block Gibbs sampling of `LANES` chains at once: multi-spin coding, compiled by Numba.

Spin i of all chains of a block is one word, a bit for each chain, so that the whole state of a
block stays in the fastest cache: 70 x 70 spins and their inputs are 23 kB. The couplings to a spin
are read once and serve all chains. Its field, in the lanes of a vector, is

    f_i = h_i + sum_j J_ij s_j = (h_i - sum_j J_ij) + sum over neighbours j that are up of 2 J_ij

so that a neighbour costs one masked addition. Inputs are neighbours that never move. Sums are of
single precision: a field is exact to about 1e-7 of sum_j |J_ij| for each neighbour.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt32
from numba import njit

from thrmlDenoising.sampling.cpu.compiling import compiled
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

LANES_DIGEST = "d0fba368cd70649b773edb4bae561665573123cac584ab5c4a778ead87c916f6"
"""The sha256 of lanes.py. Numba compiles a kernel that it has on disk anew when the kernel's own
file has changed, and looks no further: with this number, lanes.py cannot change alone."""


class Tables(NamedTuple):
    """The numbers of an Ising machine, in the order the kernels read them.

    Attributes:
        update_order: the free nodes, colour after colour.
        first_neighbor: the neighbours of node i are the entries from first_neighbor[i] up to
            first_neighbor[i + 1], without it, of the two arrays that follow.
        place_of_neighbor: where its spin stands.
        double_coupling: 2 J.
        field_all_down: h_i - sum_j J_ij.
    """

    update_order: UInt32[np.ndarray, " free"]
    first_neighbor: UInt32[np.ndarray, " node_and_end"]
    place_of_neighbor: UInt32[np.ndarray, " entry"]
    double_coupling: Float32[np.ndarray, " entry"]
    field_all_down: Float32[np.ndarray, " node"]


# --- one spin ------------------------------------------------------------------------------


@njit
def rotated(x, n):
    """The bits of every word moved n places to the left, the first ones to the end."""
    return shifted_left(x, n) | shifted_right(x, 32 - n)


@njit
def next_words(s0, s1, s2, s3):
    """xoshiro128++ 1.0 of Blackman and Vigna, a generator in every lane.

    Period 2^128 - 1; passes BigCrush and PractRand (https://prng.di.unimi.it).
    """
    words = rotated(s0 + s3, 7) + s0
    t = shifted_left(s1, 9)
    s2 = s2 ^ s0
    s3 = s3 ^ s1
    s1 = s1 ^ s2
    s0 = s0 ^ s3
    return words, s0, s1, s2 ^ t, rotated(s3, 11)


@njit
def power_of_two(x):
    """2^x for x in [-126, 126], within 2e-7 of it, relatively.

    2^n for the nearest integer n goes into the exponent's bits; 2^r of the rest r, at most 1/2, is
    the polynomial 1 + c_1 r + ... + c_5 r^5 whose largest relative error is smallest.
    """
    rounder = floats(12582912.0)  # 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    shifted = x + rounder
    r = x - (shifted - rounder)
    p = fused(floats(1.32646524e-3), r, floats(9.67151132e-3))
    p = fused(p, r, floats(5.55073396e-2))
    p = fused(p, r, floats(2.40222421e-1))
    p = fused(p, r, floats(6.93146978e-1))
    p = fused(p, r, floats(1.0))
    return floats_of_bits(bits_of_floats(p) + shifted_left(bits_of_floats(shifted), 23))


@njit
def up_at_random(exponent, words):
    """The mask of the lanes in which a uniform number u is at most 1 / (1 + 2^exponent).

    Without a division: u (1 + 2^exponent) <= 1, with u = (word + 1/2) / 2^32.
    """
    u = as_floats(words) + floats(0.5)
    e = power_of_two(clipped(exponent, floats(-126.0), floats(90.0)))
    return not_above(fused(u, e, u), floats(4294967296.0))


# --- sweeps --------------------------------------------------------------------------------


@njit
def sweep(tables, betas, spins, streams):
    """A sweep at each of these betas: s_i = +1 with probability sigmoid(2 beta f_i)."""
    s0, s1, s2, s3 = load(streams[0]), load(streams[1]), load(streams[2]), load(streams[3])
    for beta in betas:
        minus_two_beta = floats(-2 * beta / np.log(2))  # sigmoid(x) = 1 / (1 + 2^(-x / ln 2))
        for i in tables.update_order:
            field = floats(tables.field_all_down[i])
            for entry in range(tables.first_neighbor[i], tables.first_neighbor[i + 1]):
                up = spins[tables.place_of_neighbor[entry]]
                field = add_where(up, field, tables.double_coupling[entry])
            words, s0, s1, s2, s3 = next_words(s0, s1, s2, s3)
            spins[i] = up_at_random(field * minus_two_beta, words)
    store(streams[0], s0)
    store(streams[1], s1)
    store(streams[2], s2)
    store(streams[3], s3)


@compiled
def pack(spins, inputs):
    """Boolean "chain node" and "chain visible" as masks of chains, one for every place."""
    n_nodes = spins.shape[1]
    packed = np.zeros(n_nodes + inputs.shape[1], np.uint32)
    for chain in range(len(spins)):
        for node in range(n_nodes):
            packed[node] |= np.uint32(spins[chain, node]) << np.uint32(chain)
        for visible in range(inputs.shape[1]):
            packed[n_nodes + visible] |= np.uint32(inputs[chain, visible]) << np.uint32(chain)
    return packed


@njit
def unpack(packed, nodes, spins):
    """The boolean spins "chain node" of these nodes, into `spins`."""
    for chain in range(len(spins)):
        for k in range(len(nodes)):
            spins[chain, k] = packed[nodes[k]] >> np.uint32(chain) & np.uint32(1)


@compiled
def observe(tables, betas, packed, streams, nodes, spins):
    """Sweeps at these betas, and then looks at these nodes."""
    sweep(tables, betas, packed, streams)
    unpack(packed, nodes, spins)


# --- moments -------------------------------------------------------------------------------


@njit
def count_moments(packed, present, edges, n_up, n_agree):
    """Adds where spins are up, and on how many of the chains present the ends of an edge agree."""
    for node in range(len(n_up)):
        store(n_up[node], count_where(packed[node], load(n_up[node])))
    for edge in range(len(edges)):
        differ = packed[edges[edge, 0]] ^ packed[edges[edge, 1]]
        n_agree[edge] += n_lanes_of(present & ~differ)


@compiled
def moments(tables, edges, betas, sample_times, packed, streams, means, last):
    """Runs one block and averages over its samples.

    Args:
        betas: of every sweep.
        sample_times: how many sweeps precede each sample.
        means: receives the mean spin of every chain (at most `LANES`) and node.
        last: receives the final spins.

    Returns:
        For every edge, in how many samples of all chains its ends agreed.
    """
    n_chains, n_nodes = means.shape
    present = np.uint32(0xFFFFFFFF) >> np.uint32(LANES - n_chains)
    n_up = np.zeros((n_nodes, LANES), np.uint32)
    n_agree = np.zeros(len(edges), np.int64)

    n_done = 0
    for n_before in sample_times:
        sweep(tables, betas[n_done:n_before], packed, streams)
        count_moments(packed, present, edges, n_up, n_agree)
        n_done = n_before

    for chain in range(n_chains):
        for node in range(n_nodes):
            means[chain, node] = 2 * n_up[node, chain] / len(sample_times) - 1
    unpack(packed, np.arange(n_nodes), last)
    return n_agree
