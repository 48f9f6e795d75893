"""cobra train run from the outside: runs that stop and go on, a full disk, bad recipes, grids of runs."""

import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import unittest

import cobra_cli as cli
from training_runs import NAMES, RANK_TIMEOUT_S, START_S, WholeRunTest, losses


class TrainRunTest(WholeRunTest):
    def test_learns_and_answers(self):
        run = self.folder / "learns"
        self.train("--max-steps", 80, "--output", run)
        found = losses(run)
        self.assertLess(found[-1], 0.2 * found[0])
        for name in ("recipe.json", "loss.svg", "log.txt", "model.safetensors", "model.gguf", "config.json"):
            self.assertTrue((run / name).stat().st_size > 0, name)
        picture = self.folder / "pictures" / "5.png"
        (answer,) = cli.run_json("-m", run / "model.gguf", "--image", picture, "-p", "What?", "--max-tokens", 8)
        self.assertEqual(answer["text"].strip(), NAMES[5 % 4])

    def test_a_resumed_run_is_the_uninterrupted_one(self):
        run = self.folder / "stopped"
        process = self.start("--max-steps", 20, "--output", run)
        self.wait_for_losses(run, 4)
        process.send_signal(signal.SIGTERM)
        _, talk = process.communicate(timeout=START_S)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM, talk)
        self.assertIn(b"stopped by SIGTERM after update", talk)
        self.assertLess(len(losses(run)), 20)
        cli.run("train", "run", "--resume", run)
        self.assertEqual(losses(run), losses(self.whole))
        self.assertEqual(
            (run / "model.safetensors").read_bytes(), (self.whole / "model.safetensors").read_bytes()
        )

    def test_a_killed_run_goes_on_from_its_last_checkpoint(self):
        run = self.folder / "killed"
        process = self.start("--max-steps", 20, "--save-every", 3, "--keep-checkpoints", 1, "--output", run)
        self.wait_for_losses(run, 8)
        process.kill()
        process.communicate(timeout=START_S)
        self.assertEqual(len(list((run / "checkpoints").glob("step-*"))), 1)
        cli.run("train", "run", "--resume", run)
        self.assertEqual(losses(run), losses(self.whole))

    def test_nothing_but_the_same_run_goes_on(self):
        run = self.folder / "same"
        self.train("--max-steps", 2, "--output", run)
        kept = (run / "metrics.jsonl").read_bytes()
        checkpoint = run / "checkpoints" / "step-00000002"
        self.assertTrue(checkpoint.exists(), "the last update has one")
        data = self.folder / "data.json"
        text = data.read_text(encoding="utf-8")
        data.write_text(text.replace("coat", "cape"), encoding="utf-8")
        try:
            other_data = cli.run("train", "run", "--resume", run, check=False)
        finally:
            data.write_text(text, encoding="utf-8")
        self.assertRegex(other_data.stderr.decode(), r"state\.json: the run began with other examples")
        recipe = run / "recipe.json"
        text = recipe.read_text()
        recipe.write_text(text.replace('"seed": ', '"seed": 1'))
        other_recipe = cli.run("train", "run", "--resume", run, check=False)
        recipe.write_text(text)
        self.assertRegex(other_recipe.stderr.decode(), r"state\.json: the run began with another recipe")
        for name in ("parameters", "optimizer-0"):
            path = checkpoint / f"{name}.safetensors"
            whole = path.read_bytes()
            path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
            damaged = cli.run("train", "run", "--resume", run, check=False)
            self.assertRegex(damaged.stderr.decode(), rf"{name}\.safetensors: damaged")
            path.unlink()
            missing = cli.run("train", "run", "--resume", run, check=False)
            self.assertRegex(missing.stderr.decode(), rf"{name}\.safetensors: cannot open")
            path.write_bytes(whole)
        shutil.rmtree(checkpoint)
        finished = cli.run("train", "run", "--resume", run, check=False)
        self.assertRegex(finished.stderr.decode(), r"same: a finished run without checkpoints")
        self.assertEqual((run / "metrics.jsonl").read_bytes(), kept)
        (run / "model.gguf").unlink()  # as if it had been stopped before
        resumed = cli.run("train", "run", "--resume", run)
        self.assertIn(b"no checkpoint is there, so from the start", resumed.stderr)
        self.assertTrue((run / "model.gguf").exists())
        named = cli.run("train", "run", "--resume", run, "--output", self.folder / "elsewhere", check=False)
        self.assertEqual((named.returncode, b"--output" in named.stderr), (2, True))

    def test_frozen_parts_are_the_ones_that_the_run_began_with(self):
        start, run = self.folder / "frozen.gguf", self.folder / "frozen"
        cli.run("init", "--preset", "fashion", "--type", "f32", "-o", start)
        self.train("--model", start, "--stage", "align", "--max-steps", 2, "--stop-after", 1, "--output", run)
        cli.run("init", "--preset", "fashion", "--type", "f32", "--seed", 9, "-o", start)
        failed = cli.run("train", "run", "--resume", run, check=False)
        self.assertRegex(failed.stderr.decode(), r"state\.json: the run began with another model")

    def test_two_processes_do_not_share_a_folder(self):
        run = self.folder / "taken"
        process = self.start("--epochs", 1000, "--output", run)
        self.wait_for_losses(run, 1)
        second = cli.run("train", "run", "--resume", run, check=False)
        process.terminate()
        _, talk = process.communicate(timeout=START_S)
        self.assertRegex(second.stderr.decode(), r"taken: another process trains in this folder")
        self.assertEqual(process.returncode, 128 + signal.SIGTERM, talk)

    def test_what_cannot_be_written_beside_the_model_ends_no_run(self):
        run = self.folder / "beside"
        (run / "loss.svg").mkdir(parents=True)
        (run / "checkpoints").touch()
        processes = self.start_ranks(2, "--max-steps", 1, "--output", run)
        talk = [process.communicate(timeout=RANK_TIMEOUT_S)[1] for process in processes]
        self.assertEqual([process.returncode for process in processes], [0, 0], talk)
        self.assertRegex(talk[0], rb"no checkpoint: [^\n]*checkpoints[^\n]*: cannot be made: ")
        self.assertIn(b"no chart: ", talk[0])
        self.assertTrue((run / "model.gguf").exists())

    def test_pictures_need_towers(self):
        blind = self.folder / "blind.gguf"
        cli.run("init", "--preset", "mamba-130m", "--type", "q8_0", "-o", blind)
        self.assert_refused("it has a picture, but the model has no vision towers", "--model", blind)

    def test_stopping_early_changes_nothing_before(self):
        part = self.folder / "part"
        self.train("--max-steps", 20, "--stop-after", 6, "--output", part)
        self.assertEqual(losses(part), losses(self.whole)[:6])
        self.assertTrue((part / "model.gguf").exists())

    def test_a_full_disk_keeps_finished_checkpoints(self):
        run = self.folder / "full"
        self.train("--max-steps", 4, "--save-every", 4, "--output", run)
        kept = {path: path.read_bytes() for path in (run / "checkpoints" / "step-00000004").iterdir()}
        recipe = json.loads((run / "recipe.json").read_text())
        recipe["max_steps"] = 8  # the same run, had it been longer
        (run / "recipe.json").write_text(json.dumps(recipe))

        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

        words = [cli.PROGRAM, "train", "run", "--resume", run]
        failed = subprocess.run(list(map(str, words)), capture_output=True, preexec_fn=small_files, timeout=START_S)
        self.assertEqual(failed.returncode, 1)
        self.assertIn(b"cannot write", failed.stderr)
        names = [path.name for path in (run / "checkpoints").iterdir()]
        self.assertEqual(names, ["step-00000004"])
        for path, content in kept.items():
            self.assertEqual(path.read_bytes(), content)
        cli.run("train", "run", "--resume", run)
        self.assertEqual(len(losses(run)), 8)

    def test_a_loss_that_is_not_finite_names_update_and_examples(self):
        failed = self.train(
            "--learning-rate", 10, "--weight-decay", 10, "--max-grad-norm", 1e12, "--max-steps", 80, "--lr-schedule", "constant",
            "--output", self.folder / "infinite", check=False,
        )  # fmt: skip
        self.assertEqual(failed.returncode, 1)
        self.assertRegex(failed.stderr, rb"update \d+: the (loss|gradient's norm) is .*examples .*example \d+")

    def assert_refused(self, pattern, *arguments):
        failed = self.train("--output", self.folder / "refused", *arguments, check=False)
        self.assertNotEqual(failed.returncode, 0)
        self.assertRegex(failed.stderr.decode(), pattern)
        self.assertFalse((self.folder / "refused").exists())

    def test_wrong_recipes_are_refused_before_anything_starts(self):
        self.assert_refused("--epochs: 'epochs' must be .*cobra train run --help", "--epochs", "many")
        self.assert_refused("'learning_rate' must be from", "--learning-rate", "1e3")
        self.assert_refused("stage 'all' is unknown", "--stage", "all")
        self.assert_refused("multiple", "--global-batch-size", "7")
        self.assert_refused("no such file", "--data", self.folder / "absent.json")
        cache = ["--stage", "finetune", "--feature-cache", self.recipe / "cache"]
        self.assert_refused("cannot make the feature cache's folder", *cache)
        other = self.folder / "unknown.json"
        other.write_text('{"epoch": 3}', encoding="utf-8")
        failed = cli.run("train", "run", other, check=False)
        self.assertIn(b"key 'epoch' is unknown", failed.stderr)

    def test_features_of_frozen_towers_are_made_once(self):
        plain = self.folder / "plain"
        self.train("--stage", "finetune", "--max-steps", 20, "--output", plain)
        cache, written = self.folder / "features", []
        for name in ("cold", "warm"):
            run = self.folder / name
            self.train("--stage", "finetune", "--max-steps", 20, "--output", run, "--feature-cache", cache)
            self.assert_close(losses(run), losses(plain), 1e-5, name)
            written.append({path: path.stat().st_ino for path in cache.rglob("*.features")})
        self.assertEqual(len(written[0]), 64)
        self.assertEqual(written[1], written[0], "an entry was made again")

    def test_a_grid_makes_one_table(self):
        asked = self.folder / "asked.txt"
        grid = {
            "output": str(self.folder / "grid"),
            "seeds": [1, 2],
            "base": {**json.loads(self.recipe.read_text()), "max_steps": 4, "epochs": 1},
            "axes": {"rate": {"high": {}, "low": {"learning_rate": 1e-4}},
                     "alignment": {"without": {}, "with": {"align": {"max_steps": 2}}}},
            "score": f"echo {{model}} >> '{asked}'; stat -c %s {{model}}",
        }  # fmt: skip
        path = self.folder / "grid.json"
        path.write_text(json.dumps(grid), encoding="utf-8")
        table = cli.run("train", "ablate", path).stdout.decode()
        self.assertEqual(len(table.splitlines()), 2 + 3)
        self.assertRegex(table, r"\| low \| without \| 2 \| \d+\.\d+ ± \d+\.\d+ \|")
        model = self.folder / "grid" / "rate=low,alignment=without" / "seed-2" / "model.gguf"
        made = model.stat().st_mtime_ns
        self.assertEqual(cli.run("train", "ablate", path).stdout.decode(), table)
        self.assertEqual(model.stat().st_mtime_ns, made)
        csv = (self.folder / "grid" / "table.csv").read_text().splitlines()
        self.assertEqual(csv[0], "rate,alignment,seeds,loss_mean,loss_sd,score_mean,score_sd")
        self.assertEqual(len(asked.read_text().splitlines()), 3 * 2, "what is scored is not scored again")
        grid["score"] = "echo 7 # {model}"  # another command has another score
        path.write_text(json.dumps(grid), encoding="utf-8")
        self.assertIn("| 7.0000 ± 0.0000 |", cli.run("train", "ablate", path).stdout.decode())
        self.assertEqual(model.stat().st_mtime_ns, made)
        data, kept = pathlib.Path(grid["base"]["data"]), model.stat().st_mtime_ns
        times = data.stat()
        os.utime(data, ns=(kept + 10**9, kept + 10**9))
        refused = cli.run("train", "ablate", path, check=False)
        os.utime(data, ns=(times.st_atime_ns, times.st_mtime_ns))
        self.assertRegex(refused.stderr.decode(), rf"{data}: younger than .*model\.gguf")
        grid["base"]["seed"] = 5
        path.write_text(json.dumps(grid), encoding="utf-8")
        refused = cli.run("train", "ablate", path, check=False)
        self.assertIn(b"'seed' is set by the grid's 'seeds'", refused.stderr)
        del grid["base"]["seed"]
        grid["base"]["weight_decay"] = 0.5
        path.write_text(json.dumps(grid), encoding="utf-8")
        refused = cli.run("train", "ablate", path, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr.decode(), r"seed-1/recipe\.json: 'weight_decay' is .* there and 0\.5 in the grid")

    def test_a_grid_goes_on_from_its_alignment_with_nothing_of_the_start(self):
        """The finetuning starts from the alignment's folder: the official run's own files are no part of it."""
        checkpoint = cli.REFERENCE / "checkpoint"
        base = {
            "run": str(checkpoint),
            **{name: str(checkpoint / f"{name}.safetensors") for name in ("dino", "siglip")},
            "dims": str(cli.REFERENCE / "dims.json"),
            "tokenizer": str(cli.write_byte_tokenizer(self.folder / "tokenizer.json")),
            **{key: json.loads(self.recipe.read_text())[key] for key in ("data", "images", "threads")},
            "max_steps": 1,
            "global_batch_size": 2,
            "per_device_batch_size": 2,
        }
        align = {"max_steps": 1, "global_batch_size": 2}
        grid = {"output": str(self.folder / "aligned"), "seeds": [1], "base": {**base, "align": align}, "axes": {}}
        path = self.folder / "aligned.json"
        path.write_text(json.dumps(grid), encoding="utf-8")
        cli.run("train", "ablate", path)
        made = json.loads((self.folder / "aligned/base/seed-1/recipe.json").read_text())
        self.assertEqual(made["model"], str(self.folder / "aligned/base/seed-1/align"))
        self.assertEqual([made[key] for key in ("run", "dino", "siglip", "dims")], [""] * 4)

    def test_a_run_folder_is_not_written_over(self):
        failed = self.train("--max-steps", 2, "--output", self.whole, check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn(b"holds a run already", failed.stderr)


if __name__ == "__main__":
    unittest.main()
