"""Arithmetic on `LANES` numbers at once, one for each chain of a block.

Compiled by Numba, `Floats` and `Words` are LLVM vectors, and every operation below becomes an
instruction or two of whatever vector unit the processor has. Without compilation
(NUMBA_DISABLE_JIT=1) they are NumPy arrays, on which the operators mean the same. The functions
say in NumPy what they do; the emitter after each says it to LLVM.

Words are unsigned and wrap around. A mask is one number with a bit for every lane, that of lane
0 the lowest.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt32
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import ConcreteTemplate, Signature, infer_global
from numba.extending import lower_builtin, models, register_model
from numba.np.arrayobj import make_array

LANES = 32
"""Chains in a block: they fill two AVX-512 registers, four of AVX2, eight of NEON."""


class _LanesType(types.Type):
    """A Numba type that is an LLVM vector."""

    def __init__(self, name: str, element: ir.Type) -> None:
        super().__init__(name)
        self.vector = ir.VectorType(element, LANES)


class _FloatsType(_LanesType):
    pass


class _WordsType(_LanesType):
    pass


@register_model(_FloatsType)
@register_model(_WordsType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: _LanesType) -> None:
        super().__init__(manager, lanes, lanes.vector)


Floats = _FloatsType("Floats", ir.FloatType())
Words = _WordsType("Words", ir.IntType(32))
_MASK = types.uint32
_MEMORY = types.Array(types.uint32, 1, "C")

Emitter = Callable[..., ir.Value]
"""Appends the instructions of an operation: (builder, *operands) -> its value."""


def _compiles(function: Callable, signature: Signature) -> Callable[[Emitter], Emitter]:
    """Decorates what Numba emits where it meets `function` with these types."""
    _types_of(function, signature)

    def register(emit: Emitter) -> Emitter:
        @lower_builtin(function, *signature.args)
        def _lower(context: Any, builder: Any, signature: Any, operands: Any) -> Any:
            return emit(builder, *operands)

        return emit

    return register


def _types_of(function: Callable, signature: Signature) -> None:
    """Tells Numba which types `function` takes and returns."""

    # Numba fills in its decorators when it is imported: to a type checker they are None.
    @infer_global(function)  # pyright: ignore[reportOptionalCall]
    class _Types(ConcreteTemplate):
        cases = [signature]  # noqa: RUF012 - the base class declares it so


def _everywhere(builder: Any, number: ir.Value, lanes: _LanesType) -> ir.Value:
    nothing = ir.Constant(lanes.vector, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, nothing, zeros)


# --- operators -----------------------------------------------------------------------------

_compiles(operator.add, Floats(Floats, Floats))(lambda b, x, y: b.fadd(x, y))
_compiles(operator.sub, Floats(Floats, Floats))(lambda b, x, y: b.fsub(x, y))
_compiles(operator.mul, Floats(Floats, Floats))(lambda b, x, y: b.fmul(x, y))
_compiles(operator.add, Words(Words, Words))(lambda b, x, y: b.add(x, y))
_compiles(operator.sub, Words(Words, Words))(lambda b, x, y: b.sub(x, y))
_compiles(operator.xor, Words(Words, Words))(lambda b, x, y: b.xor(x, y))
_compiles(operator.or_, Words(Words, Words))(lambda b, x, y: b.or_(x, y))


# --- numbers -------------------------------------------------------------------------------


def floats(number: float | np.float32) -> Float32[np.ndarray, " lane"]:
    """The same float32 in every lane."""
    return np.full(LANES, number, np.float32)


@_compiles(floats, Floats(types.float32))
def _(b, number):
    return _everywhere(b, number, Floats)


def fused(
    x: Float32[np.ndarray, " lane"],
    y: Float32[np.ndarray, " lane"],
    z: Float32[np.ndarray, " lane"],
) -> Float32[np.ndarray, " lane"]:
    """x * y + z, rounded once."""
    return (x.astype(np.float64) * y + z).astype(np.float32)


@_compiles(fused, Floats(Floats, Floats, Floats))
def _(b, x, y, z):
    return _intrinsic(b, "fma", x, y, z)


def clipped(
    x: Float32[np.ndarray, " lane"],
    low: Float32[np.ndarray, " lane"],
    high: Float32[np.ndarray, " lane"],
) -> Float32[np.ndarray, " lane"]:
    """The nearest number between low and high."""
    return np.maximum(np.minimum(x, high), low)


@_compiles(clipped, Floats(Floats, Floats, Floats))
def _(b, x, low, high):
    return _intrinsic(b, "maxnum", _intrinsic(b, "minnum", x, high), low)


def _intrinsic(b: Any, name: str, *operands: ir.Value) -> ir.Value:
    type_ = ir.FunctionType(Floats.vector, [Floats.vector] * len(operands))
    name = f"llvm.{name}.v{LANES}f32"
    return b.call(cgutils.get_or_insert_function(b.module, type_, name), operands)


# --- words ---------------------------------------------------------------------------------


def shifted_left(x: UInt32[np.ndarray, " lane"], n: int | np.uint32) -> UInt32[np.ndarray, " lane"]:
    """Every word moved n places to the left."""
    return x << np.uint32(n)


@_compiles(shifted_left, Words(Words, types.uint32))
def _(b, x, n):
    return b.shl(x, _everywhere(b, n, Words))


def shifted_right(
    x: UInt32[np.ndarray, " lane"], n: int | np.uint32
) -> UInt32[np.ndarray, " lane"]:
    """Every word moved n places to the right."""
    return x >> np.uint32(n)


@_compiles(shifted_right, Words(Words, types.uint32))
def _(b, x, n):
    return b.lshr(x, _everywhere(b, n, Words))


def as_floats(x: UInt32[np.ndarray, " lane"]) -> Float32[np.ndarray, " lane"]:
    """The float32 nearest to every word."""
    return x.astype(np.float32)


@_compiles(as_floats, Floats(Words))
def _(b, x):
    return b.uitofp(x, Floats.vector)


def floats_of_bits(x: UInt32[np.ndarray, " lane"]) -> Float32[np.ndarray, " lane"]:
    """The float32 with these bits."""
    return x.view(np.float32)


@_compiles(floats_of_bits, Floats(Words))
def _(b, x):
    return b.bitcast(x, Floats.vector)


def bits_of_floats(x: Float32[np.ndarray, " lane"]) -> UInt32[np.ndarray, " lane"]:
    """The bits of every float32."""
    return x.view(np.uint32)


@_compiles(bits_of_floats, Words(Floats))
def _(b, x):
    return b.bitcast(x, Words.vector)


# --- masks ---------------------------------------------------------------------------------


def _bits(b: Any, mask: ir.Value) -> ir.Value:
    """A truth value for every lane: one instruction where there are mask registers, two elsewhere.

    (A plain bitcast would do, but LLVM takes it apart bit by bit where there are none.)
    """
    own_bit = ir.Constant(Words.vector, [1 << lane for lane in range(LANES)])
    chosen = b.and_(_everywhere(b, mask, Words), own_bit)
    return b.icmp_unsigned("!=", chosen, ir.Constant(Words.vector, [0] * LANES))


def _lanes_of(mask: int | np.uint32) -> np.ndarray:
    return (np.uint32(mask) >> np.arange(LANES, dtype=np.uint32) & 1).astype(bool)


def add_where(
    mask: np.uint32, x: Float32[np.ndarray, " lane"], number: float | np.float32
) -> Float32[np.ndarray, " lane"]:
    """Adds the number in the lanes of the mask."""
    return np.where(_lanes_of(mask), x + np.float32(number), x)


@_compiles(add_where, Floats(_MASK, Floats, types.float32))
def _(b, mask, x, number):
    return b.select(_bits(b, mask), b.fadd(x, _everywhere(b, number, Floats)), x)


def count_where(mask: np.uint32, x: UInt32[np.ndarray, " lane"]) -> UInt32[np.ndarray, " lane"]:
    """Adds 1 in the lanes of the mask."""
    return x + _lanes_of(mask)


@_compiles(count_where, Words(_MASK, Words))
def _(b, mask, x):
    return b.sub(x, b.sext(_bits(b, mask), Words.vector))


def not_above(x: Float32[np.ndarray, " lane"], y: Float32[np.ndarray, " lane"]) -> np.uint32:
    """The mask of the lanes with x <= y."""
    return np.packbits(x <= y, bitorder="little").view(np.uint32)[0]


@_compiles(not_above, _MASK(Floats, Floats))
def _(b, x, y):
    return b.bitcast(b.fcmp_ordered("<=", x, y), ir.IntType(LANES))


def n_lanes_of(mask: np.uint32) -> int:
    """How many lanes a mask has."""
    return int(mask).bit_count()


@_compiles(n_lanes_of, types.int32(_MASK))
def _(b, mask):
    return b.ctpop(mask)


# --- memory --------------------------------------------------------------------------------


def load(memory: UInt32[np.ndarray, " lane"]) -> UInt32[np.ndarray, " lane"]:
    """The `LANES` words of an array."""
    return memory.copy()


@lower_builtin(load, _MEMORY)
def _(context, builder, signature, operands):
    return builder.load(_place(context, builder, operands[0]), align=4)


def store(memory: UInt32[np.ndarray, " lane"], x: UInt32[np.ndarray, " lane"]) -> None:
    """Puts a word of every lane into an array."""
    memory[:] = x


@lower_builtin(store, _MEMORY, Words)
def _(context, builder, signature, operands):
    builder.store(operands[1], _place(context, builder, operands[0]), align=4)
    return context.get_dummy_value()


def _place(context, builder, memory) -> ir.Value:
    array = make_array(_MEMORY)(context, builder, memory)
    return builder.bitcast(array.data, Words.vector.as_pointer())


_types_of(load, Words(_MEMORY))
_types_of(store, types.void(_MEMORY, Words))
