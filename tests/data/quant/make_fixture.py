"""Makes the files of this folder with the Python package gguf 0.19.0, which carries ggml's reference conversions.

<type>.bin        random blocks, then the float32 values that gguf.quants.dequantize gives for them
<type>_rows.bin   float32 values, then the blocks that gguf.quants.quantize gives for them (q8_0 and q4_0 only)
"""

from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize

here = Path(__file__).parent
random = np.random.default_rng(7)


def finite_halves(blocks, offsets):
    """Keeps the sign and mantissa of the scales but avoids the exponent of infinity: NaN has no portable bits."""
    for offset in offsets:
        blocks[:, offset + 1] &= 0xBF
    return blocks


def half_offsets(kind):
    return {Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208]}.get(kind, [0])


for kind in (Type.Q8_0, Type.Q4_0, Type.Q4_K, Type.Q5_K, Type.Q6_K):
    values, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (2048 // values, size), dtype=np.uint8)
    blocks = finite_halves(blocks, half_offsets(kind))
    floats = dequantize(blocks, kind).astype(np.float32)
    (here / f"{kind.name.lower()}.bin").write_bytes(blocks.tobytes() + floats.tobytes())

rows = random.standard_normal((24, 32)).astype(np.float32)
rows[1] = 0  # all zero
rows[2] = 0
rows[2, 17] = -3.75  # a single outlier
rows[3] = 0.25  # constant
rows[4, 5] = 1000
rows[5] *= 1e-7  # the stored half is subnormal
rows[6] = np.arange(-16, 16) / 2  # many ties of rounding
rows[7, 3], rows[7, 9] = 4, -4  # equal magnitudes
rows[8] = np.arange(32) * 4 + 0.5  # halves when the step is 1
rows[8, 31] = 127
for kind in (Type.Q8_0, Type.Q4_0):
    (here / f"{kind.name.lower()}_rows.bin").write_bytes(rows.tobytes() + quantize(rows, kind).tobytes())
