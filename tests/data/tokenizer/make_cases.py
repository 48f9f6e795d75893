#!/usr/bin/env python3
"""Makes tiny.json and cases.json with Hugging Face's `tokenizers` library (0.23.3 was used).

    make_cases.py [GPT-NeoX tokenizer.json]

tiny.json is a byte-level BPE of GPT-NeoX's shape (NFC, special tokens, runs of spaces), trained on the text below.
cases.json holds texts ("text") or bytes ("hex", decoded with errors="replace" first) with their ids under tiny.json and
under GPT-NeoX's vocabulary, and ids with their decoded text under tiny.json. Without an argument the GPT-NeoX ids are left out.
"""
import json
import random
import sys
import unicodedata
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).parent
CORPUS = (
    "The quick brown fox jumps over the lazy dog; the dog doesn't mind. What is in the picture? There are 3 cats, they're "
    "black and we've seen them. I'll say it's 12:30.\n\n    for x in range(10):\n        print(x)\n"
    "Ein schöner Tag in Ålesund, très naïf. Привет, мир! 今天天气很好。 <|user|>\nIs there a dog?<|endoftext|>\n"
)

WORDS = ["the", " cat", "don't", "I'LL", "we've", "'s", "'re", "'", "''s", "naïve", "A\u030angstro\u0308m", "123", "٣٤٥", "½",
         "²", "x", "_", "-", "...", "<|endoftext|>", "<|padding|>", "<|endoftext", "|>", "<|user|>", "\r\n", "\n", "\t", " ",
         "  ", "\n\n", "\r", "\x0b", "\x1c", "\x85", "\xa0", "\u3000", "\u2028", "\u200b", "\u200d", "\ufeff", "\ufffd",
         "e\u0301", "\u212b", "\u1112\u1161\u11ab", "\u0344", "\u0f73", "\u09c7\u09be", "\U0001d15e", "\ufb2c", "\u0958",
         "か\u3099", "👨\u200d👩", "🇫🇷", "❤️", "Ⅷ", "①", "\u1aca", "\u1df6"]
BLOCKS = [(0, 31), (32, 126), (127, 0x24f), (0x300, 0x36f), (0x370, 0x5ff), (0x600, 0x1fff), (0x2000, 0x2fff), (0x3000, 0x30ff),
          (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0x1100, 0x11ff), (0xe000, 0xffff), (0x1f300, 0x1faff), (0x10000, 0x1ffff)]


def is_assigned(character):
    # Letters younger than the reader's Unicode may be split differently; this Python (Unicode 14.0) does not know them.
    return unicodedata.category(character) not in ("Cn", "Cs")


def random_text(rng):
    def from_block(block):
        while not is_assigned(c := chr(rng.randint(*block))):
            pass
        return c

    makers = rng.sample([lambda: rng.choice(WORDS)] * 6 + [lambda: " " * rng.randint(1, 60)] +
                        [lambda block=block: from_block(block) for block in BLOCKS], rng.randint(1, 6))
    return "".join(rng.choice(makers)() for _ in range(rng.randint(1, 14)))


def random_bytes(rng):
    data = bytearray(random_text(rng).encode())
    for _ in range(rng.randint(1, 5)):
        at = rng.randint(0, len(data) - 1) if data else 0
        if rng.random() < 0.5:
            data[at:at] = bytes(rng.choices(range(128, 256), k=rng.randint(1, 3)))
        else:
            del data[at : at + 1]
    return bytes(data)


def train():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator([CORPUS] * 4, trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|endoftext|>", "<|padding|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)])
    tokenizer.save(str(HERE / "tiny.json"), pretty=False)
    return tokenizer


def encoded(rng, tiny, neox):
    as_bytes = rng.random() < 0.25
    data = random_bytes(rng) if as_bytes else random_text(rng).encode()
    text = data.decode(errors="replace")
    if not all(map(is_assigned, text)):
        return None
    case = {"hex": data.hex()} if as_bytes else {"text": text}
    case["tiny"] = tiny.encode(text).ids
    if neox:
        case["neox"] = neox.encode(text).ids
    return case


def decoded(rng, tiny):
    ids = tiny.encode(random_text(rng)).ids
    for _ in range(rng.randint(0, 4)):  # so that characters lose bytes
        ids.insert(rng.randint(0, len(ids)), rng.randint(0, tiny.get_vocab_size() + 3))
        del ids[rng.randrange(len(ids))]
    return {"ids": ids, "decoded": tiny.decode(ids, skip_special_tokens=False),
            "decoded_skip_special": tiny.decode(ids, skip_special_tokens=True)}


def main():
    rng = random.Random(7)
    tiny = train()
    neox = Tokenizer.from_file(sys.argv[1]) if len(sys.argv) > 1 else None
    encode = [case for _ in range(420) if (case := encoded(rng, tiny, neox))]
    decode = [decoded(rng, tiny) for _ in range(100)]
    lines = ",\n".join(json.dumps(case) for case in encode), ",\n".join(json.dumps(case) for case in decode)
    (HERE / "cases.json").write_text('{"encode": [\n%s\n], "decode": [\n%s\n]}\n' % lines)


main()
