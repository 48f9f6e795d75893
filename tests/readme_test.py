"""Runs the cobra commands that README.md shows, as they stand there, in a folder that holds the files they name.

Only what a test cannot have is replaced: the published weights by the reference checkpoint (whose towers need --dims), the
3B preset by the tiny one, and "Yes,No" by letters, which are what its byte-level tokenizer has as single tokens.
"""

import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
REPLACED = {"cobra-3b": "tiny", "Yes,No": "Y,N"}


def commands():
    text = (ROOT / "README.md").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        words = shlex.split(line, comments=True) if line.startswith("    ") and "cobra " in line else []
        if words and words[0].split("/")[-1] == "cobra":
            yield ["cobra", *words[1:]]


def prepare(folder):
    shutil.copytree(DATA / "reference" / "checkpoint", folder / "cobra+3b")
    shutil.copy(DATA / "reference" / "checkpoint" / "dino_pretrain.safetensors", folder / "dinov2.safetensors")
    shutil.copy(DATA / "reference" / "checkpoint" / "siglip_openclip.pt", folder / "siglip.bin")
    shutil.copy(DATA / "tokenizer" / "tiny.json", folder / "tokenizer.json")
    pope = DATA / "reference" / "metrics" / "pope"
    shutil.copytree(pope / "download", folder / "benchmarks" / "download")
    shutil.copytree(pope / "results", folder / "results")
    shutil.copytree(ROOT / "docs" / "images", folder / "docs" / "images")
    for name in ("a.jpg", "photo.jpg"):
        shutil.copy(ROOT / "docs" / "images" / "garden.jpg", folder / name)


def main(program):
    environment = dict(os.environ, PATH=f"{pathlib.Path(program).parent}:{os.environ['PATH']}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(folder)
        subprocess.run([program, "init", "--preset", "tiny", "-o", folder / "M.gguf"], check=True, capture_output=True)
        ran = 0
        for command in commands():
            command = [REPLACED.get(word, word) for word in command]
            if command[1] == "convert":
                command += ["--dims", str(DATA / "reference" / "dims.json")]
            if command[1] == "bench":  # true lengths take minutes
                command += ["--prompts", "8", "--depths", "0", "--batches", "1", "--tokens", "2", "--repeats", "1"]
            if command[1] in ("run", "chat"):
                command += ["--max-tokens", "4"]
            result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, input="", timeout=300)
            print(shlex.join(command), "->", result.returncode)
            if result.returncode:
                sys.exit(result.stderr)
            ran += 1
        if ran < 12:
            sys.exit(f"README.md shows {ran} commands, expected at least 12: is the test still reading it rightly?")


if __name__ == "__main__":
    main(sys.argv[1])
