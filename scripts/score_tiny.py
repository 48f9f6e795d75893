#!/usr/bin/env python3
"""Scores of a model that knows scenes and garments, as a Markdown table.

Makes the test sets, asks the model through `cobra eval`, and sets beside each score what needs no eyes: one answer for
every question, and a grey picture instead of each. Python's standard library only.
"""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("COBRA_PROGRAM", str(ROOT / "build/release/bin/cobra"))

# name, benchmark family, folder of the test set
TESTS = (
    ("presence (POPE's layout), F1", "pope", "scenes"),
    ("places (VSR's layout)", "vsr", "scenes"),
    ("open questions (VQA-v2's layout)", "vqa-v2", "scenes"),
    ("illusions, equal ones among them", "vqa-v2", "scenes/illusions"),
    ("garments (Fashion-MNIST)", "vqa-v2", "fashion"),
)


def cobra(*arguments):
    result = subprocess.run([PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"score_tiny.py: cobra {' '.join(map(str, arguments[:2]))} failed")
    return result.stdout


def percent(family, score):
    """The number that stands for a benchmark, in percent."""
    if family == "pope":
        rows = score["breakdowns"]["F1"].values()
        return 100 * sum(row["score"] for row in rows) / len(rows)
    if family == "vsr":
        return 100 * score["summary"]["accuracy__VSR-ExactMatch"]
    return score["summary"]["accuracy"]


def make_tests(work, seed, count, with_fashion):
    scenes = work / f"scenes-{seed}-{count}"
    if not scenes.exists():
        cobra("data", "scenes", "--train", 0, "--test", count, "--seed", seed, "-o", scenes)
    folders = {"scenes": scenes, "scenes/illusions": scenes / "illusions"}
    if with_fashion:
        folders["fashion"] = work / "fashion"
        if not folders["fashion"].exists():
            cobra("data", "fashion", "-o", folders["fashion"])
    for _, family, name in TESTS:
        if name in folders and not (folders[name] / "datasets" / family).exists():
            cobra("data", "prepare", "--benchmark", family, "--from", folders[name], "--no-slim")
    return folders


def run(model, family, folder, results, *flags):
    data = ("--benchmark", family, "--data", folder)
    return percent(family, json.loads(cobra("eval", "run", *data, "-m", model, "-o", results, "--json", "--resume", *flags)))


def row(model, work, folders, test, fresh):
    title, family, name = test
    stem = f"{model.stem}-{hashlib.sha256(model.read_bytes()).hexdigest()[:8]}-{family}"

    def results(folder, what=""):  # of this file and these scenes: asked again, it goes on where it was
        return work / f"{stem}-{folder.relative_to(work).as_posix().replace('/', '-')}{what}.jsonl"

    score = run(model, family, folders[name], results(folders[name]))
    blind = run(model, family, folders[name], results(folders[name], "-blind"), "--blind")
    data = ("--benchmark", family, "--data", folders[name])
    majority = percent(family, json.loads(cobra("eval", "score", *data, "--majority", "--json")))
    again = "" if name not in fresh else f"{run(model, family, fresh[name], results(fresh[name])):.1f}"
    return f"| {title} | {score:.1f} | {again} | {majority:.1f} | {blind:.1f} |"


def bare_scores(model, work, folders, state_type):
    with tempfile.TemporaryDirectory(dir=work) as results:
        return [
            run(model, family, folders[name], pathlib.Path(results, f"{i}.jsonl"), "--state-type", state_type)
            for i, (_, family, name) in enumerate(TESTS)
            if name in folders
        ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path, help="GGUF")
    parser.add_argument("--work", type=pathlib.Path, default="scored", help="folder for test sets and results")
    parser.add_argument("--seed", type=int, default=0, help="of the test scenes")
    parser.add_argument("--scenes", type=int, default=500, help="test scenes, and as many illusions")
    parser.add_argument("--fresh-seed", type=int, default=1, help="of other test scenes")
    parser.add_argument("--no-fashion", action="store_true", help="leave the 10,000 garments out")
    shorter = parser.add_mutually_exclusive_group()
    shorter.add_argument("--row", action="store_true", help="print the scores alone, as one row of a table")
    shorter.add_argument("--mean", action="store_true", help="print the mean of the scores, and nothing else")
    parser.add_argument("--state-type", default="f32", help="of --row and --mean: f32 or bf16, as cobra eval run --state-type")
    flags = parser.parse_args()
    flags.work.mkdir(parents=True, exist_ok=True)
    folders = make_tests(flags.work, flags.seed, flags.scenes, not flags.no_fashion)
    if flags.mean or flags.row:
        scores = bare_scores(flags.model, flags.work, folders, flags.state_type)
        print(sum(scores) / len(scores) if flags.mean else " | ".join(f"{score:.1f}" for score in scores))
        return
    fresh = make_tests(flags.work, flags.fresh_seed, flags.scenes, with_fashion=False)
    print("| % right | score | fresh scenes | always the same answer | grey picture |\n|---|---|---|---|---|")
    for test in TESTS:
        if test[2] in folders:
            print(row(flags.model, flags.work, folders, test, fresh), flush=True)


if __name__ == "__main__":
    main()
