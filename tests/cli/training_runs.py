"""What the tests of training runs share: small pictures and their examples, a recipe, runs of one rank and several."""

import json
import os
import socket
import struct
import subprocess
import time
import zlib

import cobra_cli as cli

NAMES = ["shirt", "shoe", "bag", "coat"]
RANK_TIMEOUT_S = 200
START_S = 120


def png(pixels):
    """28 x 28 grey pixels as a PNG."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(pixels[y * 28 : y * 28 + 28]) for y in range(28))
    header = struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def write_data(folder, count):
    """Pictures that tell their class by where they are bright, as questions and answers."""
    (folder / "pictures").mkdir()
    examples = []
    for i in range(count):
        kind = i % len(NAMES)
        pixels = [(200 if y // 7 == kind else 20) + (x * 7 + i * 13) % 30 for y in range(28) for x in range(28)]
        pixels[0] = i  # no two alike
        (folder / "pictures" / f"{i}.png").write_bytes(png(pixels))
        turns = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": NAMES[kind]}]
        examples.append({"id": str(i), "image": f"{i}.png", "conversations": turns})
    (folder / "data.json").write_text(json.dumps(examples), encoding="utf-8")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def losses(run):
    return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


class TrainingTest(cli.CobraTest):
    """A folder with data.json of 64 examples, pictures/, a model to start from and a recipe."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        write_data(cls.folder, 64)
        cls.model = cls.folder / "start.gguf"
        cli.run("init", "--preset", "fashion", "--type", "f32", "-o", cls.model)
        cls.recipe = cls.folder / "recipe.json"
        recipe = {
            "stage": "full-finetune",
            "model": str(cls.model),
            "data": str(cls.folder / "data.json"),
            "images": str(cls.folder / "pictures"),
            "epochs": 10,
            "global_batch_size": 8,
            "per_device_batch_size": 2,
            "learning_rate": 1e-3,
            "precision": "float32",
            "threads": 1,
        }
        cls.recipe.write_text(json.dumps(recipe), encoding="utf-8")

    @classmethod
    def train(cls, *arguments, check=True):
        return cli.run("train", "run", cls.recipe, *arguments, check=check)

    @classmethod
    def start(cls, *arguments, environment=None, preexec_fn=None):
        words = [cli.PROGRAM, "train", "run", cls.recipe, *arguments]
        return subprocess.Popen(
            list(map(str, words)),
            env={**os.environ, **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=preexec_fn,
        )

    def start_ranks(self, count, *arguments, of_the_last=()):
        """Every rank gets the arguments, and the last some more."""
        shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        own = [()] * (count - 1) + [of_the_last]
        return [
            self.start(*arguments, *own[rank], environment={**shared, "RANK": str(rank)}) for rank in range(count)
        ]


class WholeRunTest(TrainingTest):
    """A run of 20 updates besides, which other runs are compared with."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = cls.folder / "whole"
        cls.train("--max-steps", 20, "--output", cls.whole)

    def wait_for_losses(self, run, count):
        deadline = time.monotonic() + START_S
        while not (run / "metrics.jsonl").exists() or len(losses(run)) < count:
            self.assertLess(time.monotonic(), deadline, "the run did not begin")
            time.sleep(0.05)
