#!/usr/bin/env python3
"""Writes the small pictures beside this file and expected.safetensors: their RGB pixels as Pillow 9.4.0 reads them.

Needs numpy and Pillow 9.4.0. PNG files are put together by hand, because Pillow cannot write all colour types and depths.
Run it again only to add a picture: encoders of other versions write other bytes.
"""

import io
import json
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image

FOLDER = pathlib.Path(__file__).parent
WIDTH, HEIGHT = 13, 9
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
rng = np.random.default_rng(20240321)


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_rows(width, height, bits_per_pixel):
    """Random rows, each behind a random filter type."""
    rows = [bytes([rng.integers(5)]) + rng.bytes((width * bits_per_pixel + 7) // 8) for _ in range(height)]
    return b"".join(rows)


def png(colour_type, depth, interlaced=False, chunks=b""):
    bits = PNG_CHANNELS[colour_type] * depth
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    raw = b""
    for x0, y0, dx, dy in passes:
        columns, rows = -(-(WIDTH - x0) // dx), -(-(HEIGHT - y0) // dy)
        if columns > 0 and rows > 0:
            raw += png_rows(columns, rows, bits)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour_type, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + chunks + png_chunk(b"IDAT", zlib.compress(raw, 9))
            + png_chunk(b"IEND", b""))


def palette(entries, transparent=0):
    chunks = png_chunk(b"PLTE", rng.bytes(3 * entries))
    return chunks + (png_chunk(b"tRNS", rng.bytes(transparent)) if transparent else b"")


def picture(mode):
    """Smooth channels, so that lossy formats have something to keep; alpha runs from 0 to 255."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    channels = [127.5 + 127.5 * np.sin(x / (2 + c) + y / (4 - c) + c) for c in range(len(mode) if mode != "L" else 1)]
    if mode == "RGBA":
        channels[3] = x * 255.0 / (WIDTH - 1)
    return Image.merge(mode, [Image.fromarray(c.astype(np.uint8)) for c in channels])


def encoded(mode, file_format, **options):
    out = io.BytesIO()
    picture(mode).save(out, file_format, **options)
    return out.getvalue()


def with_adobe_transform(jpeg, transform):
    """The last byte of the Adobe segment says whether four colours are CMYK (0) or YCCK (2)."""
    at = jpeg.index(b"Adobe") + 11
    return jpeg[:at] + bytes([transform]) + jpeg[at + 1:]


def without_adobe(jpeg):
    start = jpeg.index(b"Adobe") - 4
    (length,) = struct.unpack(">H", jpeg[start + 2:start + 4])
    return jpeg[:start] + jpeg[start + 2 + length:]


def riff_chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def u24(value):
    return struct.pack("<I", value)[:3]


def animation_with_small_first_frame():
    """Canvas of 19 x 14; the first frame of 13 x 9 stands at (4, 2)."""
    still = encoded("RGBA", "WEBP", lossless=True, exact=True)
    bitstream = still[still.index(b"VP8L"):]
    frame = u24(2) + u24(1) + u24(WIDTH - 1) + u24(HEIGHT - 1) + u24(100) + b"\0" + bitstream
    canvas = bytes([0x12, 0, 0, 0]) + u24(18) + u24(13)
    body = (b"WEBP" + riff_chunk(b"VP8X", canvas) + riff_chunk(b"ANIM", b"\x11\x22\x33\xff\0\0")
            + 2 * riff_chunk(b"ANMF", frame))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def fixtures():
    gamma = png_chunk(b"gAMA", struct.pack(">I", 220000))
    cmyk = encoded("CMYK", "JPEG", quality=80)
    return {
        "grey1.png": png(0, 1),
        "grey2_interlaced.png": png(0, 2, interlaced=True),
        "grey4.png": png(0, 4),
        "grey8_transparent.png": png(0, 8, chunks=png_chunk(b"tRNS", b"\0\x40")),
        "grey16.png": png(0, 16),
        "grey16_interlaced.png": png(0, 16, interlaced=True),
        "grey_alpha8.png": png(4, 8),
        "grey_alpha16.png": png(4, 16),
        "rgb8_interlaced.png": png(2, 8, interlaced=True),
        "rgb8_transparent.png": png(2, 8, chunks=png_chunk(b"tRNS", b"\0\1\0\2\0\3")),
        "rgb8_gamma.png": png(2, 8, chunks=gamma),
        "rgb16.png": png(2, 16),
        "rgba8.png": png(6, 8),
        "rgba16_interlaced.png": png(6, 16, interlaced=True),
        "palette1.png": png(3, 1, chunks=palette(2)),
        "palette2_transparent.png": png(3, 2, chunks=palette(4, 3)),
        "palette4_too_short.png": png(3, 4, chunks=palette(5)),
        "palette8_interlaced.png": png(3, 8, interlaced=True, chunks=palette(256, 100)),
        "grey.jpg": encoded("L", "JPEG", quality=80),
        "ycbcr444.jpg": encoded("RGB", "JPEG", quality=80, subsampling=0),
        "ycbcr422.jpg": encoded("RGB", "JPEG", quality=80, subsampling=1),
        "ycbcr420.jpg": encoded("RGB", "JPEG", quality=80, subsampling=2),
        "progressive.jpg": encoded("RGB", "JPEG", quality=80, progressive=True),
        "cmyk.jpg": cmyk,
        "cmyk_without_adobe.jpg": without_adobe(cmyk),
        "ycck.jpg": with_adobe_transform(cmyk, 2),
        "lossy.webp": encoded("RGB", "WEBP", quality=60),
        "lossless.webp": encoded("RGB", "WEBP", lossless=True),
        "lossy_alpha.webp": encoded("RGBA", "WEBP", quality=60, exact=True),
        "lossless_alpha.webp": encoded("RGBA", "WEBP", lossless=True, exact=True),
        "animated.webp": encoded("RGB", "WEBP", save_all=True, append_images=[picture("RGB").rotate(180)]),
        "animated_small_frame.webp": animation_with_small_first_frame(),
    }


def write_safetensors(path, arrays):
    header, data = {}, b""
    for name, array in arrays.items():
        header[name] = {"dtype": "U8", "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.size]}
        data += array.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    expected = {}
    for name, data in fixtures().items():
        (FOLDER / name).write_bytes(data)
        expected[name] = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    write_safetensors(FOLDER / "expected.safetensors", expected)


if __name__ == "__main__":
    main()
