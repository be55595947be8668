"""Winograd's transforms compiled: tiles of an image on their way into the multiplication, and out of it.

A 3x3 convolution of a tile of 4x4 outputs is 36 multiplications a pair of channels in place of 144 (Winograd 1980;
Lavin and Gray 2016, F(4x4, 3x3)): inputs and filters are polynomials that are evaluated at six points, multiplied
there, and interpolated. Lavin's points, 0, 1, -1, 2, -2 and infinity, would round four times as much as these do.

Arrays are float32 and contiguous, channels last. A vector is `VECTOR` channels; the last one overlaps the one before it
where channels are no multiple of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic
from torch import Tensor

from roboreg_core.intrinsics import WIDE, floats, following, kernel
from roboreg_core.openmp import CHANNELS, DONE, LENGTH, N_ARGUMENTS, POINTERS, ROWS, TICKET

# Outputs of a tile a side, and points: what a tile's inputs are evaluated at.
TILE, POINTS = 4, 6
VECTOR = WIDE
# Bytes of a number.
FLOAT = 4
# The finite points are 0, NEAR, -NEAR, FAR and -FAR; the last one is infinity.
NEAR, FAR = 2 / 3, 3 / 2
_KIND = ir.VectorType(ir.FloatType(), VECTOR)
_INDEX = ir.IntType(64)
_FAST = ("contract", "nsz", "reassoc")
_POINTER, _INT = types.CPointer(types.float32), types.int64


def transformed(weight: Tensor) -> Tensor:
    """A convolution's weight (outputs, inputs, 3, 3) evaluated at all points, (36, inputs, outputs), float32."""
    finite = [0.0, NEAR, -NEAR, FAR, -FAR]
    rows = [[p**power / np.prod([p - q for q in finite if q != p]) for power in range(3)] for p in finite]
    points = torch.tensor([*rows, [0.0, 0.0, 1.0]], dtype=torch.float64)
    at = torch.einsum("ia,kcab,jb->ijck", points, weight.double(), points)
    return at.flatten(0, 1).float().contiguous()


class _Builder:
    """Vectors of channels in a kernel that is being built."""

    def __init__(self, builder: Any) -> None:
        self._ir = builder

    def place(self, start: Any, *steps: tuple[Any, int]) -> Any:
        """An index: `start` and some strides on, each so many times."""
        for stride, times in steps:
            start = self._ir.add(start, self._ir.mul(stride, ir.Constant(_INDEX, times)))
        return start

    def load(self, pointer: Any, place: Any) -> Any:
        found = self._ir.load(self._ir.bitcast(self._ir.gep(pointer, [place]), _KIND.as_pointer()))
        found.align = 4
        return found

    def store(self, value: Any, pointer: Any, place: Any) -> None:
        done = self._ir.store(value, self._ir.bitcast(self._ir.gep(pointer, [place]), _KIND.as_pointer()))
        done.align = 4

    def every(self, number: Any) -> Any:
        """A float in all places of a vector."""
        vector = self._ir.insert_element(ir.Constant(_KIND, ir.Undefined), number, ir.Constant(_INDEX, 0))
        return self._ir.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(ir.IntType(32), VECTOR), [0] * VECTOR))

    def at_least(self, value: Any, floor: Any) -> Any:
        """The larger one; what is not a number stays."""
        return self._ir.select(self._ir.fcmp_ordered("<", value, floor), floor, value)

    def add(self, one: Any, other: Any, factor: float = 1.0) -> Any:
        """`one + factor * other`."""
        if factor != 1.0:
            other = self._ir.fmul(ir.Constant(_KIND, [factor] * VECTOR), other, flags=_FAST)
        return self._ir.fadd(one, other, flags=_FAST)

    def times(self, factor: float, value: Any) -> Any:
        return self._ir.fmul(ir.Constant(_KIND, [factor] * VECTOR), value, flags=_FAST)

    def evaluated(self, x: list[Any]) -> list[Any]:
        """Six inputs in a row, what the filter's transform is multiplied with."""
        near, far = NEAR**2, FAR**2
        even, odd = self.add(x[4], x[2], -far), self.times(NEAR, self.add(x[3], x[1], -far))
        even_far, odd_far = self.add(x[4], x[2], -near), self.times(FAR, self.add(x[3], x[1], -near))
        return [
            self.add(self.add(x[4], x[2], -(near + far)), x[0], near * far),
            self.add(even, odd),
            self.add(even, odd, -1.0),
            self.add(even_far, odd_far),
            self.add(even_far, odd_far, -1.0),
            self.add(self.add(x[5], x[3], -(near + far)), x[1], near * far),
        ]

    def interpolated(self, m: list[Any]) -> list[Any]:
        """Products at the six points, the four outputs in a row."""
        even, odd = self.add(m[1], m[2]), self.add(m[1], m[2], -1.0)
        even_far, odd_far = self.add(m[3], m[4]), self.add(m[3], m[4], -1.0)
        return [
            self.add(self.add(m[0], even), even_far),
            self.add(self.times(NEAR, odd), odd_far, FAR),
            self.add(self.times(NEAR**2, even), even_far, FAR**2),
            self.add(self.add(self.times(NEAR**3, odd), odd_far, FAR**3), m[5]),
        ]


@intrinsic
def _evaluate(context: Any, x: Any, start: Any, line: Any, pixel: Any, out: Any, place: Any, stride: Any) -> Any:
    """One vector of a tile's 6x6 inputs, from `x[start]` on, to `out[place]` and every `stride` numbers on."""

    def generate(c: Any, builder: Any, s: Any, values: Any) -> Any:
        of = _Builder(builder)
        x, start, line, pixel, out, place, stride = values
        columns = [
            of.evaluated([of.load(x, of.place(start, (line, i), (pixel, j))) for i in range(POINTS)])
            for j in range(POINTS)
        ]
        for i in range(POINTS):
            row = of.evaluated([column[i] for column in columns])
            for j in range(POINTS):
                of.store(row[j], out, of.place(place, (stride, i * POINTS + j)))
        return c.get_dummy_value()

    return types.void(_POINTER, _INT, _INT, _INT, _POINTER, _INT, _INT), generate


def _interpolates(*, with_residual: bool) -> Any:
    """How one vector of a tile's products becomes its 4x4 outputs: from `m[start]` and every `stride` numbers on."""

    def interpolate(
        context: Any,
        m: Any,
        start: Any,
        stride: Any,
        bias: Any,
        channel: Any,
        residual: Any,
        out: Any,
        place: Any,
        line: Any,
        pixel: Any,
        floor: Any,
    ) -> Any:
        def generate(c: Any, builder: Any, s: Any, values: Any) -> Any:
            of = _Builder(builder)
            m, start, stride, bias, channel, residual, out, place, line, pixel, floor = values
            columns = []
            for j in range(POINTS):
                column = [of.load(m, of.place(start, (stride, i * POINTS + j))) for i in range(POINTS)]
                columns.append(of.interpolated(column))
            constant, lowest = of.load(bias, channel), of.every(floor)
            for i in range(TILE):
                for j, value in enumerate(of.interpolated([column[i] for column in columns])):
                    at = of.place(place, (line, i), (pixel, j))
                    total = of.add(value, constant)
                    if with_residual:
                        total = of.add(total, of.load(residual, at))
                    of.store(of.at_least(total, lowest), out, at)
            return c.get_dummy_value()

        takes = (_POINTER, _INT, _INT, _POINTER, _INT, _POINTER, _POINTER, _INT, _INT, _INT, types.float32)
        return types.void(*takes), generate

    return intrinsic(interpolate)


_interpolate, _interpolate_onto = _interpolates(with_residual=False), _interpolates(with_residual=True)


@intrinsic
def _multiply(context: Any, gemm: Any, a: Any, b: Any, c: Any, rows: Any, inputs: Any, outputs: Any) -> Any:
    """c (rows, outputs) = a (rows, inputs) @ b (inputs, outputs) by BLAS's sgemm, which lies at the address `gemm`."""

    def generate(c: Any, builder: Any, s: Any, values: Any) -> Any:
        gemm, a, b, out, *shape = values

        def by_address(value: Any) -> Any:
            return cgutils.alloca_once_value(builder, value)

        rows, inputs, outputs = (by_address(builder.trunc(each, ir.IntType(32))) for each in shape)
        one, zero = (by_address(ir.Constant(ir.FloatType(), number)) for number in (1.0, 0.0))
        plain = by_address(ir.Constant(ir.IntType(8), ord("N")))
        # BLAS counts columns first: to it these are the transposed matrices, and their product the other way round.
        arguments = [plain, plain, outputs, rows, inputs, one, b, outputs, a, inputs, zero, out, outputs]
        kind = ir.FunctionType(ir.VoidType(), [each.type for each in arguments])
        builder.call(builder.inttoptr(gemm, kind.as_pointer()), arguments)
        return c.get_dummy_value()

    return types.void(_INT, _POINTER, _POINTER, _POINTER, _INT, _INT, _INT), generate


def evaluated_numbers(size: int, inputs: int, outputs: int) -> int:
    """Numbers of one image's tiles, evaluated and multiplied: its share of the scratch of `convolve`."""
    return POINTS**2 * (size // TILE) ** 2 * (inputs + outputs)


@kernel
def convolve(args: Any) -> None:
    """A convolution and what follows it, a few images at a time, so that their tiles stay in a cache.

    0 x (rows, size, size, length), 1 what `transformed` gave, 2 bias (channels,), 3 residual or 0 and 4 out, both
    (rows, size, size, channels), 5 scratch (parts, images * `evaluated_numbers`), 6 size, 7 is one where a ReLU
    follows, 8 images at a time, 9 where sgemm lies. `size` is a multiple of four, `length` and `channels` are at least
    `VECTOR`.
    """
    a = carray(args, N_ARGUMENTS)
    rows, length, channels, size, images = a[ROWS], a[LENGTH], a[CHANNELS], a[POINTERS + 6], a[POINTERS + 8]
    x = carray(floats(a[POINTERS]), rows * size * size * length)
    bias, residual, out = floats(a[POINTERS + 2]), floats(a[POINTERS + 3]), floats(a[POINTERS + 4])
    floor = np.float32(0) if a[POINTERS + 7] == 1 else np.float32(-np.inf)
    side, width, line, out_line = size // TILE, size * length, (size + 2) * length, size * channels
    tiles = side * side
    framed = np.zeros((size + 2) * line, np.float32)
    corner = floats(framed.ctypes.data)  # the memory stays as long as the loop names `framed` itself
    # Threads count themselves by what else tells the last one.
    scratch = a[POINTERS + 5] + following(args, DONE) * images * POINTS**2 * tiles * (length + channels) * FLOAT
    while True:
        first = following(args, TICKET) * images
        if first >= rows:
            return
        count = min(images, rows - first) * tiles
        apart, products_apart = count * length, count * channels
        products = scratch + POINTS**2 * apart * FLOAT
        for image in range(first, min(first + images, rows)):
            for row in range(size):
                inner, begin = (row + 1) * line + length, (image * size + row) * width
                framed[inner : inner + width] = x[begin : begin + width]
            for tile in range(tiles):
                start = (tile // side * line + tile % side * length) * TILE
                place = ((image - first) * tiles + tile) * length
                for each in range(0, length, VECTOR):
                    at = min(each, length - VECTOR)
                    _evaluate(corner, start + at, line, length, floats(scratch), place + at, apart)
        for point in range(POINTS**2):
            _multiply(
                a[POINTERS + 9],
                floats(scratch + point * apart * FLOAT),
                floats(a[POINTERS + 1] + point * length * channels * FLOAT),
                floats(products + point * products_apart * FLOAT),
                count,
                length,
                channels,
            )
        for tile in range(count):
            image, row, column = first + tile // tiles, tile // side % side, tile % side
            place = ((image * size + row * TILE) * size + column * TILE) * channels
            for each in range(0, channels, VECTOR):
                at = min(each, channels - VECTOR)
                start, to = tile * channels + at, place + at
                m = floats(products)
                if a[POINTERS + 3] != 0:
                    _interpolate_onto(m, start, products_apart, bias, at, residual, out, to, out_line, channels, floor)
                else:
                    _interpolate(m, start, products_apart, bias, at, residual, out, to, out_line, channels, floor)
