"""cobra chat: through a pipe and on a terminal, with save and load in mid-answer."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
import unittest

from cobra_cli import PROGRAM, CobraTest, convert, ids_text, image, run, run_json, write_byte_tokenizer

TERMINAL_TIMEOUT_S = 60
# An answer that goes on until it is interrupted and says something with every token: greedy answers of a
# random model settle on ids that may have no text.
ENDLESS = ["--eos-id", "-1", "--max-tokens", "100000000", "--vocab-limit", "258", "--temperature", "5"]


class Terminal:
    """A program on a pseudo-terminal of its own session, where control characters work as a person's keys."""

    def __init__(self, *arguments):
        self.output = ""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "dumb"
            os.execv(PROGRAM, [PROGRAM, *map(str, arguments)])

    def type(self, text):
        os.write(self.terminal, text.encode())

    def read_until(self, pattern):
        """Output up to and with the pattern; what follows stays for the next call."""
        end = time.monotonic() + TERMINAL_TIMEOUT_S
        while not (match := re.search(pattern, self.output)):
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"waited for {pattern!r} in vain, found {self.output[-500:]!r}")
            self.output += os.read(self.terminal, 65536).decode(errors="replace")
        text, self.output = self.output[: match.end()], self.output[match.end() :]
        return text

    def wait(self, what, of):
        end = time.monotonic() + TERMINAL_TIMEOUT_S
        while not (result := of()):
            if time.monotonic() > end:
                raise AssertionError(f"waited for {what} in vain, found {self.output[-500:]!r}")
            time.sleep(0.01)
        return result

    def type_at_prompt(self, key):
        """A Ctrl-D before the editor has set the terminal up would be the terminal's, and lost."""
        self.read_until("> ")
        self.wait("the line editor", lambda: not termios.tcgetattr(self.terminal)[3] & termios.ICANON)
        self.type(key)

    def exit_code(self):
        _, status = self.wait("the end", lambda: (ended := os.waitpid(self.pid, os.WNOHANG))[0] and ended)
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def stop(self):
        os.close(self.terminal)
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


class Chat(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tokenizer = write_byte_tokenizer(cls.folder / "tokenizer.json")
        cls.model = convert(cls.folder / "model.gguf", tokenizer=tokenizer)

    def chat(self, lines, *flags, check=True):
        text = "".join(line + "\n" for line in lines).encode()
        return run("chat", "-m", self.model, *flags, stdin=text, check=check)

    def turns(self, name):
        return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))["turns"]

    def encode(self, text):
        return json.loads(run("tokenize", "-m", self.model, "--json", text).stdout)

    def answer_to(self, ids, picture, count):
        flags = ["--image", picture] if picture else []
        (answer,) = run_json("-m", self.model, *flags, "--prompt-ids", ids_text(ids), "--max-tokens", count)
        return answer["tokens"]

    def test_turns_are_those_of_the_whole_prompt(self):
        questions = ["What is this?", "And  why? \u00e9", "Thanks."]
        saved = self.folder / "three"
        for picture in (None, image("photo.jpg")):
            flags = ["--image", picture] if picture else []
            result = self.chat([*questions, f"/save {saved}"], *flags, "--max-tokens", 9)
            self.assertGreaterEqual(result.stdout.decode(errors="replace").count("\n"), len(questions))
            prompt = []
            for i, (question, turn) in enumerate(zip(questions, self.turns("three"), strict=True)):
                self.assertEqual(turn["user"], question)
                before = "\n" if i else ""
                prompt += self.encode(f"{before}<|user|>\n{question}<|endoftext|>\n<|assistant|>\n")
                self.assertEqual(turn["ids"], self.answer_to(prompt, picture, 9), f"turn {i}")
                closed = turn["ids"][-1] == 0
                prompt += turn["ids"] + ([] if closed else [0])

    def test_save_and_load_in_mid_answer(self):
        whole, part, rest = (self.folder / name for name in ("whole", "part", "rest"))
        picture = ["--image", image("rgba.png"), "--eos-id", "-1"]
        self.chat(["Tell me.", f"/save {whole}"], *picture, "--max-tokens", 20)
        self.chat(["Tell me.", f"/save {part}"], *picture, "--max-tokens", 7)
        self.chat([f"/load {part}", "/continue", f"/save {rest}"], "--eos-id", "-1", "--max-tokens", 13)
        self.assertEqual(len(self.turns("part")[0]["ids"]), 7)
        self.assertEqual(self.turns("rest"), self.turns("whole"))
        self.assertEqual(rest.read_bytes(), whole.read_bytes(), "the session's state differs")

    def test_a_save_over_a_private_pair_stays_private(self):
        saved = self.folder / "private"
        pair = (saved, self.folder / "private.json")
        self.chat(["Hello", f"/save {saved}"], "--max-tokens", 3)
        for path in pair:
            path.chmod(0o600)
        self.chat([f"/load {saved}", "Again", f"/save {saved}"], "--max-tokens", 3)
        self.assertEqual([path.stat().st_mode & 0o777 for path in pair], [0o600, 0o600])
        self.assertEqual(len(self.turns("private")), 2)
        self.assertEqual(list(self.folder.glob("*.saving*")), [])

    def test_reset_and_image_start_anew(self):
        fresh, after = self.folder / "fresh", self.folder / "after"
        picture = image("photo.jpg")
        self.chat(["Hello", f"/save {fresh}"], "--image", picture, "--max-tokens", 5)
        self.chat(
            ["Other", f"/image {picture}", "Third", "/reset", "Hello", f"/save {after}"], "--max-tokens", 5
        )
        self.assertEqual(self.turns("after"), self.turns("fresh"))
        self.assertEqual(after.read_bytes(), fresh.read_bytes())

    def test_load_refuses_other_models_and_mixed_pairs(self):
        saved, other = self.folder / "saved", self.folder / "other"
        self.chat(["Hello", f"/save {saved}", "Again", f"/save {other}"], "--max-tokens", 3)
        bf16 = convert(self.folder / "bf16.gguf", dtype="bf16", tokenizer=self.folder / "tokenizer.json")
        result = run("chat", "-m", bf16, stdin=f"/load {saved}\n".encode(), check=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr.decode(), r"^cobra: .*saved: .*another model")
        (self.folder / "other.json").replace(self.folder / "saved.json")
        result = self.chat([f"/load {saved}"], check=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr.decode(), r"^cobra: .*saved\.json: does not belong to the session in ")

    def test_errors_from_a_pipe(self):
        cases = [
            ("/image", "/image needs a path"),
            ("/image   ", "/image needs a path"),
            ("/image /no/such.jpg", "cannot open"),
            ("/frobnicate", "/frobnicate is not a command"),
            ("/continue", "no answer to go on with"),
            ("/load /no/such", "cannot open"),
            ("/save /no/such/folder/file", "cannot write"),
            ("x" * 3000, "the message has .* tokens, at most 2048"),
        ]
        for line, message in cases:
            with self.subTest(line[:20]):
                result = self.chat([line], check=False)
                self.assertEqual(result.returncode, 1)
                self.assertRegex(result.stderr.decode(), f"^cobra: .*{message}.*\n$")

    def test_saves_over_nothing_but_a_conversation(self):
        picture = self.folder / "mine.jpg"
        picture.write_bytes(image("photo.jpg").read_bytes())
        notes = self.folder / "notes.json"
        notes.write_text("{}", encoding="utf-8")
        for path, kept in ((self.model, self.model), (picture, picture), (self.folder / "notes", notes)):
            with self.subTest(path):
                before = kept.read_bytes()
                result = self.chat(["Hello", f"/save {path}"], "--max-tokens", 3, check=False)
                self.assertEqual(result.returncode, 1)
                self.assertRegex(result.stderr.decode(), f"{kept}: exists and is no (session|conversation)")
                self.assertEqual(kept.read_bytes(), before)

    def test_empty_lines_and_end_of_input(self):
        result = self.chat(["", "   ", "\r"])
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b""))

    def test_on_a_terminal(self):
        terminal = Terminal(
            "chat", "-m", self.model, "--image", image("photo.jpg"), "--eos-id", "-1", "--max-tokens", 5
        )
        self.addCleanup(terminal.stop)
        terminal.read_until("/help lists the commands")
        terminal.read_until("> ")
        terminal.type("Hello\n")
        terminal.read_until(r"cut at the limit of tokens; /continue goes on\)")
        terminal.read_until("> ")
        terminal.type("/image /no/such.jpg\n")
        terminal.read_until("cobra: /no/such.jpg: cannot open")
        terminal.read_until("> ")
        terminal.type("/exit\n")
        self.assertEqual(terminal.exit_code(), 0)

    def test_a_question_that_was_not_read_is_no_turn(self):
        terminal = Terminal("chat", "-m", self.model, "--vocab-limit", 10**6, "--max-tokens", 3)
        self.addCleanup(terminal.stop)
        terminal.read_until("> ")
        terminal.type("Hello\n")
        terminal.read_until("vocab-limit: expected")
        terminal.read_until("> ")
        terminal.type("/save " + str(self.folder / "unread") + "\n")
        terminal.read_until("saved in")
        terminal.type_at_prompt("\x04")
        self.assertEqual(terminal.exit_code(), 0)
        self.assertEqual(self.turns("unread"), [])

    def test_ctrl_c_ends_the_answer_and_keeps_the_chat(self):
        terminal = Terminal("chat", "-m", self.model, *ENDLESS)
        self.addCleanup(terminal.stop)
        terminal.read_until("> ")
        terminal.type("Hello\n")
        terminal.read_until("Hello\r?\n")
        time.sleep(0.5)
        terminal.type("\x03")
        terminal.read_until(r"\(interrupted; /continue goes on\)")
        terminal.read_until("> ")
        terminal.type("/save " + str(self.folder / "interrupted") + "\n")
        terminal.read_until("saved in")
        terminal.type_at_prompt("\x04")
        self.assertEqual(terminal.exit_code(), 0)
        self.assertGreater(len(self.turns("interrupted")[0]["ids"]), 0)


class Interrupt(CobraTest):
    def test_ctrl_c_ends_run_after_the_current_token(self):
        model = convert(
            self.folder / "model.gguf", tokenizer=write_byte_tokenizer(self.folder / "tokenizer.json")
        )
        program = subprocess.Popen(
            [PROGRAM, "run", "-m", model, "-p", "Hello", *ENDLESS],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.assertTrue(program.stdout.read(1), "no answer")
        program.send_signal(signal.SIGINT)
        _, talk = program.communicate(timeout=TERMINAL_TIMEOUT_S)
        self.assertEqual(program.returncode, 130)
        self.assertRegex(talk.decode(), r"; \d+ generated")


if __name__ == "__main__":
    unittest.main()
