#!/usr/bin/env python3
"""Questions a second of `cobra eval generate` in POPE's shape, 18 questions a picture: shared pictures against one by one.

usage: bench/eval_sharing.py MODEL.gguf [--alone 6]

The model needs a tokenizer with "Yes" and "No" as single tokens, as GPT-NeoX's is (cobra init --tokenizer).
"""

import argparse
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "cli"))
from cobra_cli import run  # noqa: E402
from eval_run_test import QUESTIONS_A_PICTURE, write_pope  # noqa: E402

PICTURES = 4


def rate(questions, *arguments):
    """Questions a second of the whole command, loading the model among it."""
    start = time.monotonic()
    run("eval", "generate", "--benchmark", "pope", *arguments, timeout=None)
    return questions / (time.monotonic() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--alone", type=int, default=6, help="questions that are asked one by one")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = write_pope(pathlib.Path(folder), PICTURES)
        common = ("--data", data, "-m", flags.model, "-o")
        shared = rate(PICTURES * QUESTIONS_A_PICTURE, *common, data / "shared")
        alone = rate(flags.alone, *common, data / "alone", "--no-sharing", "--limit", flags.alone)
    print(f"shared {shared:.3f} questions/s, one by one {alone:.4f}: {shared / alone:.1f} times")


if __name__ == "__main__":
    main()
