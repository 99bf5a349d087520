"""What is loaded when: importing radcnn or asking for help must not cost what training costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "scipy", "sklearn", "pydicom", "highdicom", "nibabel", "PIL", "matplotlib", "openpyxl")
HELP = "import sys\nfrom radcnn.cli.main import app\ntry:\n    app({words!r})\nexcept SystemExit:\n    pass\n"
SHOW = "\nimport sys, json\nsys.stderr.write(json.dumps([name for name in {heavy!r} if name in sys.modules]))"


def loaded_by(code: str) -> list[str]:
    """The heavy modules that are loaded after running the code in a process of its own."""
    script = code + SHOW.format(heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stderr)
    return found


def test_import_radcnn_loads_nothing_heavy() -> None:
    assert loaded_by("import radcnn\nassert 'train' in dir(radcnn)") == []


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"], ["train", "--help"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    assert loaded_by(HELP.format(words=words)) == []


def test_a_mistyped_option_is_answered_without_loading_anything() -> None:
    silent = "import sys\nsys.stderr = None\n" + HELP.format(words=["run", "data", "--minuts", "3"])
    assert loaded_by(silent + "sys.stderr = sys.__stderr__\n") == []


def test_the_command_is_installed_and_exits_with_two_on_bad_input() -> None:
    command = [sys.executable, "-m", "radcnn", "train", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "radcnn: nowhere does not exist; make a study with: radcnn new DATA --out nowhere\n"


def test_every_verb_is_also_a_call() -> None:
    import radcnn
    from radcnn.cli.main import app

    verbs = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert verbs <= set(radcnn.__all__)
    assert all(callable(getattr(radcnn, verb)) for verb in verbs)
