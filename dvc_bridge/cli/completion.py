"""`dvc-bridge completion`: a script with which a shell completes commands, options and stages."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

# The function that options.COMPLETE_TARGETS names.
_BASH = """
# $1 is the word to complete.
_dvc_bridge_targets() {
  compgen -d -S '/' -- "$1"
  compgen -f -X '!*?.dvc' -- "$1"
  compgen -f -X '!*dvc.yaml' -- "$1"
  compgen -W "$(dvc stage list --all -q --name-only 2>/dev/null)" -- "$1"
}
"""
_ZSH = """
_dvc_bridge_targets() {
  _files -g '(*?.dvc|dvc.yaml)'
  local -a stages
  stages=(${(f)"$(dvc stage list --all -q --name-only 2>/dev/null)"})
  compadd -a stages
}
"""


def declare_completion(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge completion`."""
    command.add_argument(
        "-s",
        "--shell",
        choices=("bash", "zsh", "tcsh"),
        default="bash",
        help="the shell; default: bash",
    )
    command.set_defaults(run=completion_command)


def completion_command(args: Namespace) -> int:
    """Print the script for a shell."""
    import shtab  # noqa: PLC0415  for this command only

    from dvc_bridge.cli.parser import complete_parser  # noqa: PLC0415  it imports this module

    preamble = {"bash": _BASH, "zsh": _ZSH}.get(args.shell, "")
    print(shtab.complete(complete_parser(), shell=args.shell, preamble=preamble))
    return 0
