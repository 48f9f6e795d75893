"""Each room under src/ includes only the rooms that src/CMakeLists.txt names as its DEPS, which are declared before it, and
only train/, which no room includes, sees libtorch. Prints every offence."""

import pathlib
import re
import sys


def allowed_rooms(text):
    """{room: rooms it may include} from the cobra_room() calls of src/CMakeLists.txt."""
    return {
        call[1]: set(re.findall(r"[a-z]+", call[2] or ""))
        for call in re.finditer(r"^cobra_room\((\w+)(?:\s+DEPS((?:\s+[a-z]+\b)+))?", text, re.MULTILINE)
    }


def offences(source):
    allowed = allowed_rooms((source / "CMakeLists.txt").read_text())
    for room, deps in allowed.items():
        declared = list(allowed)[: list(allowed).index(room)]
        for late in sorted(deps - set(declared)):
            yield f"src/CMakeLists.txt: {room} may not depend on {late}, which is no room before it"
    for room in sorted(p.name for p in source.iterdir() if p.is_dir()):
        if room not in allowed:
            yield f"src/{room}: not a room of src/CMakeLists.txt"
            continue
        for file in sorted((source / room).rglob("*.[hc]*")):
            if "test" in file.name:
                continue  # tests may read reference files through any room
            for line, text in enumerate(file.read_text().splitlines(), 1):
                if re.match(r"\s*#\s*include\s+[<\"](torch|ATen|c10)/", text):
                    yield f"{file.relative_to(source.parent)}:{line}: only train/ may include libtorch"
                found = re.match(r'\s*#\s*include\s+"([a-z_]+)/', text)
                if not found or found[1] in ("cobra", room) or found[1] in allowed[room]:
                    continue
                yield f"{file.relative_to(source.parent)}:{line}: {room} may not include {found[1]}/"


if __name__ == "__main__":
    root = pathlib.Path(__file__).resolve().parent.parent
    found = list(offences(root / "src"))
    print("\n".join(found) or "every room includes only rooms below it")
    sys.exit(1 if found else 0)
