"""Each room under src/ includes only the rooms that docs/design/overview.md allows it, and only train/, which no room
includes, sees libtorch. Prints every offence."""

import pathlib
import re
import sys

ALLOWED = {
    "base": set(),
    "kernels": {"base"},
    "formats": {"base"},
    "image": {"base"},
    "tokenizer": {"base", "formats"},
    "data": {"base", "formats", "image", "tokenizer"},
    "scenes": {"base", "formats", "image", "data"},
    "vision": {"base", "kernels"},
    "lm": {"base", "kernels"},
    "model": {"base", "kernels", "formats", "image", "tokenizer", "vision", "lm"},
    "runtime": {"base", "kernels", "formats", "image", "tokenizer", "vision", "lm", "model"},
    "eval": {"base", "formats", "image", "tokenizer", "model", "runtime"},
    "chart": set(),
    "bench": {"base", "formats", "image", "tokenizer", "chart", "kernels", "vision", "lm", "model", "runtime"},
    "cli": {"base", "kernels", "formats", "image", "tokenizer", "data", "scenes", "vision", "lm", "model", "runtime", "eval", "bench"},
}


def offences(source):
    for room in sorted(p.name for p in source.iterdir() if p.is_dir()):
        if room not in ALLOWED:
            yield f"src/{room}: not a room of docs/design/overview.md"
            continue
        for file in sorted((source / room).rglob("*.[hc]*")):
            if "test" in file.name:
                continue  # tests may read reference files through any room
            for line, text in enumerate(file.read_text().splitlines(), 1):
                if re.match(r"\s*#\s*include\s+[<\"](torch|ATen|c10)/", text):
                    yield f"{file.relative_to(source.parent)}:{line}: only train/ may include libtorch"
                found = re.match(r'\s*#\s*include\s+"([a-z_]+)/', text)
                if not found or found[1] in ("cobra", room) or found[1] in ALLOWED[room]:
                    continue
                yield f"{file.relative_to(source.parent)}:{line}: {room} may not include {found[1]}/"


if __name__ == "__main__":
    root = pathlib.Path(__file__).resolve().parent.parent
    found = list(offences(root / "src"))
    print("\n".join(found) or "every room includes only rooms below it")
    sys.exit(1 if found else 0)
