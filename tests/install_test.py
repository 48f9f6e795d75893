"""Installs the build, builds examples/ against the installed package alone, and asks a picture two questions with it."""

import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout


def main(build):
    with tempfile.TemporaryDirectory() as folder:
        prefix, out = pathlib.Path(folder, "prefix"), pathlib.Path(folder, "build")
        run("cmake", "--install", build, "--prefix", prefix)
        run("cmake", "-S", ROOT / "examples", "-B", out, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release")
        run("cmake", "--build", out)
        shipped = run(prefix / "bin" / "cobra", "run", "-q", "--image", ROOT / "docs/images/boot.png", "-p", "What garment is this?")
        assert shipped.strip() == "This is an ankle boot.", shipped
        model = pathlib.Path(folder, "tiny.gguf")
        run(prefix / "bin" / "cobra", "init", "--preset", "tiny", "-o", model)
        picture = os.fspath(ROOT / "docs" / "images" / "garden.jpg")
        answers = run(out / "ask", model, picture, "What is this?", "And this?")
        assert answers.count("\n") >= 2, answers
        bad = subprocess.run([out / "ask", picture, picture, "?"], capture_output=True, text=True)
        assert bad.returncode == 1 and bad.stderr.count("\n") == 1, bad
    print("the installed package builds and runs the example")


if __name__ == "__main__":
    main(sys.argv[1])
