#!/usr/bin/env python3
"""Speed of cobra beside llama.cpp on one Mamba model file, the two by turns in one run.

usage: bench/compare_llama.py LLAMA_BUILD MODEL.gguf [--prompt 768] [--tokens 64] [--turns 3] [--threads N] [--w8a8]

LLAMA_BUILD is a build folder of llama.cpp that has bin/llama-bench. The file must be one that both load: architecture mamba,
such as `cobra init --preset mamba-2.8b --type q8_0 -o mamba.gguf` makes.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "cli"))
from cobra_cli import run  # noqa: E402


def llama(flags):
    """Tokens a second: prefill, decode."""
    command = (
        flags.build / "bin" / "llama-bench", "-m", flags.model, "-t", flags.threads, "-p", flags.prompt, "-n", flags.tokens,
        "-r", 1, "-o", "json",
    )  # fmt: skip
    result = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"compare_llama.py: {command[0]} failed:\n{result.stderr}")
    rows = json.loads(result.stdout)
    prefill, decode = (next(r for r in rows if r["n_prompt" if kind == "p" else "n_gen"] > 0) for kind in "pg")
    return prefill["avg_ts"], decode["avg_ts"]


def cobra(flags):
    result = run(
        "bench", "-m", flags.model, "--threads", flags.threads, "--only", "prefill,decode", "--prompts", flags.prompt,
        "--depths", 0, "--tokens", flags.tokens, "--repeats", 1, "--json", *(["--w8a8"] if flags.w8a8 else []), timeout=None,
    )  # fmt: skip
    report = json.loads(result.stdout)
    speed = {r["name"]: r["value"] for r in report["results"] if r["unit"] == "tokens/s"}
    (prefill,) = (value for name, value in speed.items() if name.startswith("prefill"))
    (decode,) = (value for name, value in speed.items() if name.startswith("decode"))
    return prefill, decode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path, help="build folder of llama.cpp")
    parser.add_argument("model", help="GGUF of architecture mamba")
    parser.add_argument("--prompt", type=int, default=768)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--w8a8", action="store_true", help="prompts with activations in 8 bits, as llama.cpp reads them")
    flags = parser.parse_args()
    turns = [(llama(flags), cobra(flags)) for _ in range(flags.turns)]
    print("| tokens/s, medians | llama.cpp | cobra | ratio | lowest and highest ratio |\n|---|---|---|---|---|")
    for i, what in enumerate((f"prefill of {flags.prompt}", f"decode of {flags.tokens}")):
        theirs, ours = (statistics.median(turn[side][i] for turn in turns) for side in (0, 1))
        ratios = [turn[1][i] / turn[0][i] for turn in turns]
        middle = statistics.median(ratios)
        print(f"| {what} | {theirs:.2f} | {ours:.2f} | {middle:.2f} | {min(ratios):.2f} to {max(ratios):.2f} |")


if __name__ == "__main__":
    main()
