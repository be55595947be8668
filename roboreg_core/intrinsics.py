"""What kernels compiled by numba are made of: pointers, numbers as they lie in memory, and parts drawn by threads."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import cfunc, config, njit, types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

# Numbers in a vector.
WIDE = 16
_BITS, _INDEX = ir.IntType(32), ir.IntType(64)
_FAST = ("contract", "nsz", "reassoc")
# For many Intel processors that have vectors of 512 bits LLVM prefers 256; making 16 bits into 32 is faster in whole
# ones. It holds for all that numba compiles in this process from here on, unless NUMBA_CPU_FEATURES says otherwise.
if config.CPU_FEATURES is None and "+avx512f" in get_host_cpu_features():
    config.CPU_FEATURES = f"{get_host_cpu_features()},-prefer-256-bit"
kernel = cfunc(types.void(types.CPointer(types.int64)), fastmath=set(_FAST), cache=True)
body = njit(fastmath=set(_FAST), cache=True)


@intrinsic
def floats(context: Any, address: Any) -> Any:
    """An address as a pointer to float32."""
    return types.CPointer(types.float32)(types.int64), _pointer(ir.FloatType())


@intrinsic
def doubles(context: Any, address: Any) -> Any:
    """An address as a pointer to float64."""
    return types.CPointer(types.float64)(types.int64), _pointer(ir.DoubleType())


@intrinsic
def integers(context: Any, address: Any) -> Any:
    """An address as a pointer to int64."""
    return types.CPointer(types.int64)(types.int64), _pointer(ir.IntType(64))


@intrinsic
def numbers(context: Any, address: Any, like: Any) -> Any:
    """An address as a pointer to numbers of the type of `like`: float32, or the 16 bits of a bfloat16."""
    return types.CPointer(like)(types.int64, like), _pointer(
        ir.FloatType() if isinstance(like, types.Float) else ir.IntType(16)
    )


def _pointer(kind: Any) -> Any:
    return lambda context, builder, signature, values: builder.inttoptr(values[0], kind.as_pointer())


@intrinsic
def add_weighted(context: Any, x: Any, start: Any, stride: Any, weights: Any, base: Any, out: Any, place: Any) -> Any:
    """`WIDE` numbers: out[place] = base[place] + nine weights times what lies in x at start and every stride on.

    Without it a compiled loop would write its sums back behind every one of the nine.
    """

    def generate(c: Any, builder: Any, s: Any, values: Any) -> Any:
        x, start, stride, weights, base, out, place = values

        def wide(pointer: Any, at: Any) -> Any:
            return builder.bitcast(builder.gep(pointer, [at]), vector.as_pointer())

        total = builder.load(wide(base, place), align=4)
        for number in range(9):
            weight = builder.load(builder.gep(weights, [ir.Constant(_INDEX, number)]))
            single = builder.insert_element(ir.Constant(vector, ir.Undefined), weight, ir.Constant(_INDEX, 0))
            every = builder.shuffle_vector(single, single, ir.Constant(ir.VectorType(_BITS, WIDE), [0] * WIDE))
            seen = builder.load(wide(x, start), align=4)
            total = builder.fadd(total, builder.fmul(every, seen, flags=_FAST), flags=_FAST)
            start = builder.add(start, stride)
        builder.store(total, wide(out, place), align=4)
        return c.get_dummy_value()

    vector = ir.VectorType(ir.FloatType(), WIDE)
    pointer, whole = types.CPointer(types.float32), types.int64
    return types.void(pointer, whole, whole, pointer, pointer, pointer, whole), generate


@intrinsic
def nine_floats(context: Any) -> Any:
    """Room for nine float32 on the thread's own stack, until the function that asks returns.

    An array's memory is given back where the array itself is last named, though a pointer into it be used later.
    """

    def generate(c: Any, builder: Any, s: Any, values: Any) -> Any:
        return cgutils.alloca_once(builder, ir.FloatType(), size=9)

    return types.CPointer(types.float32)(), generate


@intrinsic
def following(context: Any, counter: Any, place: Any) -> Any:
    """Count one up atomically and return what was there: gives each thread its part, and tells which one was last."""

    def generate(c: Any, builder: Any, s: Any, values: Any) -> Any:
        return builder.atomic_rmw("add", builder.gep(values[0], [values[1]]), ir.Constant(ir.IntType(64), 1), "acq_rel")

    return types.int64(types.CPointer(types.int64), types.int64), generate


@intrinsic
def read(context: Any, stored: Any) -> Any:
    """A number as it lies in memory, float32 or the upper half of one, as a float."""

    def whole(c: Any, builder: Any, s: Any, values: Any) -> Any:
        return values[0]

    def half(c: Any, builder: Any, s: Any, values: Any) -> Any:
        bits = builder.shl(builder.zext(values[0], _BITS), _BITS(16))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(stored), whole if isinstance(stored, types.Float) else half


@intrinsic
def write(context: Any, value: Any, like: Any) -> Any:
    """A float as it is stored in an array that holds `like`: as it is, or the nearest bfloat16, ties to even."""

    def whole(c: Any, builder: Any, s: Any, values: Any) -> Any:
        return values[0]

    def half(c: Any, builder: Any, s: Any, values: Any) -> Any:
        bits = builder.bitcast(values[0], _BITS)
        odd = builder.and_(builder.lshr(bits, _BITS(16)), _BITS(1))
        rounded = builder.add(builder.add(bits, _BITS(0x7FFF)), odd)
        return builder.trunc(builder.lshr(rounded, _BITS(16)), ir.IntType(16))

    return like(types.float32, like), whole if isinstance(like, types.Float) else half
