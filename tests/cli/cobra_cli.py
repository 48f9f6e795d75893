"""What the command-line tests share: running the program, converting models, reading safetensors.

Python's standard library only. The environment names the program (COBRA_PROGRAM) and may name another
reference set of the same layout (COBRA_REFERENCE) and GPT-NeoX's tokenizer.json (COBRA_TOKENIZER).
"""

import array
import json
import math
import os
import pathlib
import re
import shlex
import shutil
import struct
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("COBRA_PROGRAM", str(ROOT / "build/release/bin/cobra"))
REFERENCE = pathlib.Path(os.environ.get("COBRA_REFERENCE", ROOT / "tests/data/reference"))
NEOX_TOKENIZER = pathlib.Path(
    os.environ.get("COBRA_TOKENIZER", ROOT.parent / "shared/reference/tokenizer.json")
)
HAS_TRAINER = pathlib.Path(PROGRAM).with_name("cobra-train").exists()
TIMEOUT_S = 240


def run(*arguments, stdin=b"", check=True, timeout=TIMEOUT_S):
    """Runs cobra; the result has returncode and stdout, stderr as bytes."""
    result = subprocess.run(
        [PROGRAM, *map(os.fspath, map(_argument, arguments))],
        input=stdin,
        capture_output=True,
        timeout=timeout,
    )
    if check and result.returncode != 0:
        raise AssertionError(
            f"cobra {arguments} exited with {result.returncode}: {result.stderr.decode(errors='replace')}"
        )
    return result


def _argument(value):
    return value if isinstance(value, (str, bytes, os.PathLike)) else str(value)


def run_json(*arguments):
    """The objects that `cobra run --json` prints."""
    lines = run("run", *arguments, "--json", "--quiet").stdout.decode().splitlines()
    return [json.loads(line) for line in lines]


def helps(*command):
    """(words of a command, its help) of a command and of those below it, as the helps themselves list them."""
    text = run(*command, "--help").stdout.decode()
    yield command, text
    for name in re.findall(r"(?m)^  (\S+) ", text.partition("\nSubcommands:\n")[2].partition("\n\n")[0]):
        if HAS_TRAINER or name != "train":
            yield from helps(*command, name)


def flags_of(text):
    """The flags that a help explains, "-m" and "--model" as two."""
    return {flag for names in re.findall(r"(?m)^ +(-\S+)", text) for flag in names.split(",")}


def command_lines(text, indent):
    """Words of each command line of cobra in a text, from "cobra" on: lines set in by `indent` spaces at least, joined
    where they end in a backslash, also behind a pipe, && , variables, and programs that start processes or quoted there."""
    starts = r"(?:\w+=\S* )*(?:(?:torchrun|mpirun|srun|sh) .*?)?(['\"]?)(?:\S*/)?cobra "
    for line in re.sub(r" *\\\n\s*", " ", text).splitlines():
        if not line.startswith(indent * " "):
            continue
        for part in re.split(r" (?:\||&&) ", line.strip()):
            if start := re.match(starts, part):
                rest, quote = part[start.end() :], start[1]
                yield ["cobra", *shlex.split(rest[: rest.rindex(quote)] if quote else rest, comments=True)]


def ids_text(ids):
    return ",".join(map(str, ids))


def image(name):
    return REFERENCE / "image" / name


def reference_json(name):
    return json.loads((REFERENCE / name).read_text(encoding="utf-8"))


def convert(output, run_folder="checkpoint", checkpoint="latest-checkpoint.pt", dtype="f32", tokenizer=None):
    """The reference checkpoint as a model file, through `cobra convert`."""
    towers = REFERENCE / "checkpoint"
    arguments = [
        "convert",
        "--run",
        REFERENCE / run_folder,
        "--checkpoint",
        REFERENCE / run_folder / "checkpoints" / checkpoint,
        "--dino",
        towers / "dino.safetensors",
        "--siglip",
        towers / "siglip.safetensors",
        "--llm-config",
        REFERENCE / run_folder / "llm_config.json",
        "--dims",
        REFERENCE / run_folder / "dims.json",
        "--type",
        dtype,
        "-o",
        output,
    ]
    run(*arguments, *(["--tokenizer", tokenizer] if tokenizer else []))
    return output


def write_byte_tokenizer(path):
    """A tokenizer.json of 258 tokens, two special ones and every byte, which fits the tiny models."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet = {
        byte: chr(byte) for byte in printable
    }  # GPT-2's spelling of bytes: the others follow from U+0100
    for byte in range(256):
        alphabet.setdefault(byte, chr(256 + len(alphabet) - len(printable)))
    special = ["<|endoftext|>", "<|padding|>"]
    vocabulary = {text: i for i, text in enumerate(special)}
    vocabulary.update({alphabet[byte]: 2 + byte for byte in range(256)})
    added = [
        {
            "id": i,
            "content": text,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i, text in enumerate(special)
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": byte_level,
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "vocab": vocabulary,
            "merges": [],
        },
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


class Tensors:
    """A safetensors file; tensors come as flat sequences of numbers."""

    FORMATS = {"F32": "f", "I64": "q"}

    def __init__(self, path):
        self.bytes = pathlib.Path(path).read_bytes()
        (length,) = struct.unpack_from("<Q", self.bytes)
        self.header = json.loads(self.bytes[8 : 8 + length])
        self.header.pop("__metadata__", None)
        self.start = 8 + length

    def __contains__(self, name):
        return name in self.header

    def names(self):
        return list(self.header)

    def shape(self, name):
        return self.header[name]["shape"]

    def values(self, name):
        begin, end = self.header[name]["data_offsets"]
        values = array.array(self.FORMATS[self.header[name]["dtype"]])
        values.frombytes(self.bytes[self.start + begin : self.start + end])
        return values

    def row(self, name, index):
        """Entry `index` of the first dimension, flat."""
        values = self.values(name)
        size = len(values) // self.shape(name)[0]
        return values[index * size : (index + 1) * size]


class Gguf:
    """A GGUF file, read by its specification: `kinds` and `shapes` of tensors by name, and their bytes or floats."""

    FORMATS = ("B", "b", "H", "h", "I", "i", "f", "?", None, None, "Q", "q", "d")  # of the types of metadata
    STRING, ARRAY = 8, 9
    KINDS = {0: "f32", 1: "f16", 2: "q4_0", 8: "q8_0", 12: "q4_k", 30: "bf16"}

    def __init__(self, path):
        self.content, self.place = pathlib.Path(path).read_bytes(), 0
        magic, version, tensors, entries = self.take("4sIQQ")
        assert (magic, version) == (b"GGUF", 3), path
        self.metadata = {self.text(): self.value(*self.take("I")) for _ in range(entries)}
        self.kinds, self.shapes, offsets = {}, {}, {}
        for _ in range(tensors):
            name, (dimensions,) = self.text(), self.take("I")
            self.shapes[name] = list(reversed(self.take(f"{dimensions}Q")))
            kind, offsets[name] = self.take("IQ")
            self.kinds[name] = self.KINDS[kind]
        alignment = self.metadata.get("general.alignment", 32)
        start = -(-self.place // alignment) * alignment
        ends = [*sorted(offsets.values())[1:], len(self.content) - start]
        self.ranges = {name: (start + offsets[name], start + end) for name, end in zip(sorted(offsets, key=offsets.get), ends)}

    def take(self, layout):
        values = struct.unpack_from("<" + layout, self.content, self.place)
        self.place += struct.calcsize("<" + layout)
        return values

    def text(self):
        (size,) = self.take("Q")
        return self.take(f"{size}s")[0].decode()

    def value(self, kind):
        if kind == self.STRING:
            return self.text()
        if kind == self.ARRAY:
            each, count = self.take("IQ")
            return [self.value(each) for _ in range(count)]
        return self.take(self.FORMATS[kind])[0]

    def bytes_of(self, name):
        """The tensor's bytes, and those that fill up to the next one."""
        begin, end = self.ranges[name]
        return self.content[begin:end]

    def floats(self, name):
        assert self.kinds[name] == "f32", name
        return array.array("f", self.bytes_of(name)[: 4 * math.prod(self.shapes[name])])


def write_safetensors(path, tensors):
    """{name: (shape, values)}; whole numbers become I64, others F32."""
    header, body = {}, b""
    for name, (shape, values) in tensors.items():
        dtype, code = ("I64", "q") if all(isinstance(value, int) for value in values) else ("F32", "f")
        raw = array.array(code, values).tobytes()
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def greatest_difference(found, expected):
    """Of two equally long sequences; infinite when a value is not finite."""
    if len(found) != len(expected):
        raise AssertionError(f"{len(found)} values, expected {len(expected)}")
    if not all(map(math.isfinite, found)):
        return math.inf
    return max((abs(a - b) for a, b in zip(found, expected)), default=0.0)


class CobraTest(unittest.TestCase):
    """Gives each test class a temporary folder, removed at the end."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="cobra-cli-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def assert_close(self, found, expected, bound, what):
        difference = greatest_difference(found, expected)
        self.assertTrue(difference <= bound, f"{what}: differs by {difference}, allowed {bound}")
