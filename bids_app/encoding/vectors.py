"""Sums of rows by vector instructions, for compiled loops over rows of about ten numbers.

numba turns only long loops into vector instructions. These two functions always work on blocks of 64 bytes (8 float64
or 16 float32), which LLVM splits for processors with shorter registers. Arrays are C-contiguous, and the last dimension
of `out`, `base`, `row` and `rows` is a multiple of a block, see `padded_length`. Nothing is checked.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bids_app.stats.arrays import Floats

LONGEST_BLOCK = 16
_BYTES = 64
_FLAGS = ("contract",)  # one rounding for a product and a sum

# What an intrinsic returns: its signature, and the function that writes its code.
Codegen = tuple[Any, Callable[..., Any]]


def padded_length(n: int) -> int:
    """The smallest multiple of a block of any type that is at least n."""
    return -(-n // LONGEST_BLOCK) * LONGEST_BLOCK


def padded(matrix: Floats) -> Floats:
    """A matrix (n, K) with zeros after its rows, up to a padded length."""
    result = np.zeros((len(matrix), padded_length(matrix.shape[1])), matrix.dtype)
    result[:, : matrix.shape[1]] = matrix
    return result


class _Blocks:
    """Loads and stores of the blocks of one array."""

    def __init__(self, context: Any, builder: Any, array_type: Any, array: Any):
        self.builder, self.n_bytes = builder, array_type.dtype.bitwidth // 8
        self.lanes = _BYTES // self.n_bytes
        self.vector = ir.VectorType(context.get_data_type(array_type.dtype), self.lanes)
        self.array = context.make_array(array_type)(context, builder, array)
        self.start = builder.bitcast(self.array.data, self.vector.as_pointer())

    def row(self, index: Any) -> Any:
        """Pointer to a row of a matrix."""
        length = cgutils.unpack_tuple(self.builder, self.array.shape)[1]
        first = self.builder.gep(self.array.data, [self.builder.mul(index, length)])
        return self.builder.bitcast(first, self.vector.as_pointer())

    def number(self, n: Any) -> Any:
        """How many blocks hold n numbers."""
        rounded_up = self.builder.add(n, ir.Constant(n.type, self.lanes - 1))
        return self.builder.udiv(rounded_up, ir.Constant(n.type, self.lanes))

    def load(self, pointer: Any, block: Any) -> Any:
        """The numbers of a block."""
        return self.builder.load(self.builder.gep(pointer, [block]), align=self.n_bytes)

    def store(self, value: Any, block: Any) -> None:
        """Write a block of the first row."""
        self.builder.store(value, self.builder.gep(self.start, [block]), align=self.n_bytes)

    def spread(self, number: Any) -> Any:
        """A number in all lanes."""
        empty, lane = ir.Constant(self.vector, ir.Undefined), ir.IntType(32)
        first = self.builder.insert_element(empty, number, ir.Constant(lane, 0))
        return self.builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(lane, self.lanes), [0] * self.lanes))

    def sum(self, base: Any, factor: Any, block: Any) -> Any:
        """Base plus factor times block."""
        return self.builder.fadd(base, self.builder.fmul(factor, block, flags=_FLAGS), flags=_FLAGS)


@intrinsic  # type: ignore[untyped-decorator]
def add_multiple(context: Any, out: Any, base: Any, factor: Any, row: Any, n: Any) -> Codegen:  # noqa: ARG001
    """Set out = base + factor × row for the first n numbers, rounded up to whole blocks; `out` may be `base`."""

    def write(machine: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, start, added = (_Blocks(machine, builder, signature.args[a], args[a]) for a in (0, 1, 3))
        factors = target.spread(args[2])
        with cgutils.for_range(builder, target.number(args[4])) as loop:
            block = added.load(added.start, loop.index)
            target.store(target.sum(start.load(start.start, loop.index), factors, block), loop.index)
        return machine.get_dummy_value()

    return types.void(out, base, out.dtype, row, types.intp), write


@intrinsic  # type: ignore[untyped-decorator]
def add_rows(
    context: Any,  # noqa: ARG001
    out: Any,
    base: Any,
    factor: Any,
    rows: Any,
    index: Any,
    n_rows: Any,  # noqa: ARG001
    n: Any,  # noqa: ARG001
) -> Codegen:
    """Set out = base + Σ factor[i] × rows[index[i]], i < n_rows, for as many numbers as `add_multiple`."""

    def write(machine: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, start, added = (_Blocks(machine, builder, signature.args[a], args[a]) for a in (0, 1, 3))
        factors, indices = (machine.make_array(signature.args[a])(machine, builder, args[a]).data for a in (2, 4))
        total = cgutils.alloca_once(builder, target.vector)
        with cgutils.for_range(builder, target.number(args[6])) as blocks:
            builder.store(start.load(start.start, blocks.index), total)
            with cgutils.for_range(builder, args[5]) as loop:
                row = added.row(builder.load(builder.gep(indices, [loop.index])))
                number = target.spread(builder.load(builder.gep(factors, [loop.index])))
                block = added.load(row, blocks.index)
                builder.store(target.sum(builder.load(total), number, block), total)
            target.store(builder.load(total), blocks.index)
        return machine.get_dummy_value()

    return types.void(out, base, factor, rows, index, types.intp, types.intp), write
