"""Arguments that a command does not know or cannot have, and completion."""

from __future__ import annotations

import subprocess

import pytest

from dvc_bridge.cli import main
from dvc_bridge.cli.parser import parser


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["plan", "--josn"], "did you mean --json?"),
        (["repro", "--alow-missing", "train"], "did you mean --allow-missing?"),
        (["rpro"], "did you mean repro?"),
        (["submit", "--pull"], "--pull is not possible here: leave it out; tasks read data"),
        (["submit", "-q"], "-q is not possible here: leave it out, and redirect the output"),
        (["submit", "-j", "3"], "-j is not possible here: set parallelism in dvc-bridge.yaml"),
        (["submit", "-i"], "run dvc-bridge repro -i"),
        (["flow", "--allow-missing"], "leave it out; steps read data"),
    ],
)
def test_what_a_command_does_not_take_is_refused_with_what_to_do(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(words)
    assert ended.value.code == 2
    assert text in capsys.readouterr().err


def test_an_option_that_is_like_no_other_suggests_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["plan", "--xyz"])
    assert "did you mean" not in capsys.readouterr().err


def test_refused_options_are_in_no_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["submit", "--help"])
    assert "--no-commit" not in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_the_completion_script_knows_commands_and_options(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "-s", shell]) == 0
    script = capsys.readouterr().out
    assert "allow-missing" in script
    assert "collect" in script
    if shell == "bash":
        assert "_dvc_bridge_targets" in script
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
