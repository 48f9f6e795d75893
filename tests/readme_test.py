"""Runs the cobra commands that README.md shows, as they stand there, in a folder that holds the files they name, and
compares the answers that it shows with the program's.

Only what a test cannot have is replaced: the published weights by the reference checkpoint (whose towers need --dims), the
3B preset by the tiny one, and "Yes,No" by letters, which are what its byte-level tokenizer has as single tokens.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "cli"))
from cobra_cli import command_lines  # noqa: E402

DATA = ROOT / "tests" / "data"
COMMANDS = 17  # that README.md shows; fewer found may be the fault of how it is read here
REPLACED = {"cobra-3b": "tiny", "Yes,No": "Y,N"}


def shown_answers(text):
    """(command, answer) of what README.md shows as output: indented text below a `cobra run`, perhaps after some words, or
    below a line "== PICTURE: QUESTION", which is how scripts/quickstart.sh prints answers."""
    asked, answer = None, []
    for line in [*re.sub(r" *\\\n\s*", " ", text).splitlines(), "# end"]:
        commands = list(command_lines(line, 4))
        header = re.match(r"    == (\S+): (.+)", line)
        if line.startswith("    ") and not (commands or header or re.match(r" +(\./|scripts/)", line)):
            answer += line.split()
        elif line.strip() and (answer or line.startswith((" ", "#"))):
            if asked and answer:
                yield asked, answer
            asked, answer = (commands[-1] if commands and commands[-1][1] == "run" else None), []
            if header:
                asked = ["cobra", "run", "--image", header[1], "-p", header[2]]


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
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(folder)

        def run(command):
            result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, input="", timeout=300)
            print(shlex.join(command), "->", result.returncode)
            if result.returncode:
                sys.exit(result.stderr)
            return result.stdout

        run([program, "init", "--preset", "tiny", "-o", str(folder / "M.gguf")])
        commands = list(command_lines(text, 4))
        for command in commands:
            command = [REPLACED.get(word, word) for word in command]
            if command[1] == "convert":
                command += ["--dims", str(DATA / "reference" / "dims.json")]
            if command[1] == "bench":  # true lengths take minutes
                command += ["--prompts", "8", "--depths", "0", "--batches", "1", "--tokens", "2", "--repeats", "1"]
            if command[1] in ("run", "chat"):
                command += ["--max-tokens", "4"]
            run(command)
        if len(commands) != COMMANDS:
            sys.exit(f"README.md shows {len(commands)} commands, expected {COMMANDS}: is it still read rightly, and all of it?")
        answers = list(shown_answers(text))
        if not answers:
            sys.exit("README.md shows no answer, expected one at least: is it still read rightly?")
        for command, answer in answers:
            found = run(command)
            if found.split() != answer:
                sys.exit(f"README.md shows another answer: {' '.join(answer)}\nThe program's: {found}")


if __name__ == "__main__":
    main(sys.argv[1])
