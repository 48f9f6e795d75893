#!/usr/bin/env python3
"""Speed of decoding with guessed tokens against without, alternately in one run: the best case (an answer that repeats itself) and
the worst (nothing is ever right).

usage: bench/speculation.py MODEL.gguf [--guesses 4,8,15] [--repeats 3]

A random model does: four words that it may say repeat themselves, and among all words of a sampled answer nothing does.
"""

import argparse
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "cli"))
from cobra_cli import run_json  # noqa: E402

TOKENS = 128
CASES = {
    "repeats itself": ("--vocab-limit", 4),
    "never repeats": ("--temperature", 1, "--seed", 1),
}


def answer(model, case, guesses):
    (result,) = run_json(
        "-m", model, "--prompt-ids", "5,6,7,8", "--eos-id", -1, "--max-tokens", TOKENS, *CASES[case], "--speculate", guesses
    )
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--guesses", default="4,8,15")
    parser.add_argument("--repeats", type=int, default=3)
    flags = parser.parse_args()
    for case in CASES:
        for guesses in map(int, flags.guesses.split(",")):
            ratios = []
            for _ in range(flags.repeats):
                plain, guessed = (answer(flags.model, case, n) for n in (0, guesses))
                assert plain["tokens"] == guessed["tokens"]
                ratios.append(plain["timings_ms"]["decode"] / guessed["timings_ms"]["decode"])
            right, drafted = guessed.get("accepted_tokens", 0), guessed.get("drafted_tokens", 0)
            print(
                f"{case}, up to {guesses} guesses: {statistics.median(ratios):.2f} times the speed "
                f"({min(ratios):.2f} to {max(ratios):.2f}); {right} of {drafted} guesses right"
            )


if __name__ == "__main__":
    main()
