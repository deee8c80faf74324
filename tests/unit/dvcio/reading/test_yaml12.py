"""YAML from the C parser equals that from DVC's own parser, or both refuse the text."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import ruamel.yaml
import yaml
from dvc.utils.serialize import parse_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dvc_bridge.dvcio.reading import yaml12
from dvc_bridge.errors import UsageError

# Warnings of DVC's parser for unusual texts.
pytestmark = pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")

# Errors that DVC's parser raises: its own, and those of its internals.
REFUSALS = (Exception,)

SCALARS = (  # noqa: SIM905  as words it can be read
    "0 1 -1 +1 00 01 -01 007 0o7 0o17 0o8 0x1F 0xg 0b11 1_000 1__0 _1 1_ 1. .5 -.5 +.5 1.5 1.50 "
    "1e3 1E3 1e+3 1.e3 1.0e3 1.0E-3 1e 1e-05 12e03 .e3 . .. ... .inf -.inf +.Inf .INF .nan .NaN "
    "1.5.2 1,2 1:2 12:30 12:30:45 190:20:30 190:20:30.15 true True TRUE tRUE yes Yes no on off y n "
    "null Null NULL ~ nil none None 2001-01-01 2001-1-1 2001-13-01 2001-01-01T00:00:00Z 20010101 "
    "2001-12-14t21:59:43.10-05:00 2001-12-14T21:59:43 = == =a < << <<: & * ! % @ ` a b-c a:b a: :a "
    'a#b # a? ? - -- -a --- : , [ ] { } a,b [a] {a} "a" \'a\' "a\\nb" \'it\'\'s\' "\\x41" "\\q" '
    "\\n é 漢 \u2028 \u00a0 \x7f \x85 \ufeff | > |- >+ |2 &x *x &x: *x: &x1 !!str !!int !!float "
    "!!set !!bool !foo !!binary %YAML 0o 0x 0b ++1 1+ 1-1 1e5e5 0.1.2 0e0 0.0 -0 -0.0 1e400 00.5 "
    "9007199254740993 123456789012345678901234567890 01.5 1_0.5 1.5_0 0x_1 08 -0x1 +0x1F 1e1_0 "
    "685_230.15 0.e e5 inf NaN"
).split(" ")
GLUE = (  # noqa: SIM905
    "\n|\n  |\n    |\n- |\n  - |\n\n| |  |: |: |: |, | #c\n|#|\n#c\n|\t| \t|\n\t|- |? |\n? |, |[|]"
    "|{|}|\"|'|\n---\n|\n...\n|\r\n|\r|&x |*x|<<: *x|\n<<: *x\n"
).split("|")
LINES = ["", "", "x", "#c", "- y", "k: v", "@", "|"]

scalar = st.sampled_from(SCALARS)
number = st.text("0123456789+-._eExobafINT: ", min_size=1, max_size=9)
context = st.sampled_from(
    [
        "{}",
        "a: {}",
        "- {}",
        "{}: 1",
        "[{}, b]",
        "{{a: {}}}",
        "a: {} # c",
        "a:\n- {}\n- b: x",
        "a: {}\n b",
    ]
)
in_context = st.builds(str.format, context, scalar | number)
pieces = st.lists(st.tuples(scalar, st.sampled_from(GLUE)), min_size=1, max_size=7)
in_pieces = pieces.map(lambda found: "".join(text for pair in found for text in pair))
block_line = st.builds(
    "{}{}\n".format, st.sampled_from(["", " ", "  ", "    "]), st.sampled_from(LINES)
)
block = st.builds(
    "{}{}{}{}\n{}".format,
    st.sampled_from(["", "a: ", "- ", "a:\n- b: "]),
    st.sampled_from("|>"),
    st.sampled_from(["", "-", "+", "2", "-2"]),
    st.sampled_from(["", " ", " #c"]),
    st.lists(block_line, max_size=6).map("".join),
)
words = st.text("0123456789+-._eE:=<>~ntyf#&*!|'\"%@`{}[],? \n\tTF\\aé\u2028\x85", max_size=20)
plain_value = st.none() | st.booleans() | st.integers() | st.floats() | scalar | words
value = st.recursive(
    plain_value,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(scalar | words, inner, max_size=4),
    max_leaves=12,
)


def _by_pyyaml(found: Any, style: str | None, flow: bool | None, width: int) -> str:
    return str(yaml.safe_dump(found, default_style=style, default_flow_style=flow, width=width))


def _by_ruamel(found: Any, kind: str, flow: bool | None, width: int) -> str:
    writer = ruamel.yaml.YAML(typ=kind)
    writer.default_flow_style, writer.width = flow, width
    text = io.StringIO()
    writer.dump(found, text)
    return text.getvalue()


flows, widths = st.sampled_from([None, True, False]), st.sampled_from([20, 80, 1000])
dumped = st.builds(
    _by_pyyaml, value, st.sampled_from([None, None, '"', "'", "|", ">"]), flows, widths
) | st.builds(_by_ruamel, value, st.sampled_from(["safe", "rt"]), flows, widths)


def mutated(text: str, place: float, new: str) -> str:
    """`text` with one of its characters replaced."""
    at = int(place * len(text))
    return text[:at] + new + text[at + 1 :]


damaged = st.builds(
    mutated, dumped, st.floats(0, 1, exclude_max=True), st.sampled_from([*GLUE, *SCALARS])
)


def outcome(parse: Callable[[str, str], Any], text: str, *refusals: type[Exception]) -> str:
    """The value with its types as text, or the fact that the text is refused."""
    try:
        return shown(parse(text, "f.yaml"))
    except refusals:
        return "refused"


def shown(found: Any) -> str:
    try:
        return repr(found)  # dicts in their order, 1 and 1.0 and True apart, nan like nan
    except RecursionError:  # an alias of what it stands in
        return "endless"


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(in_context | in_pieces | block | dumped | damaged)
def test_a_text_gives_what_dvc_reads_or_is_refused_as_dvc_does(text: str) -> None:
    assert outcome(yaml12.parse, text, UsageError) == outcome(parse_yaml, text, *REFUSALS)


@pytest.mark.parametrize("text", [c.format(s) for s in SCALARS for c in ("a: {}", "[{}]")])
def test_each_kind_of_scalar(text: str) -> None:
    assert outcome(yaml12.parse, text, UsageError) == outcome(parse_yaml, text, *REFUSALS)


def test_the_c_parser_reads_what_projects_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml12, "_parse_as_dvc", None)
    text = """
stages:
  "a@é": {cmd: 'x && y | z', deps: [p/q.csv, '*.txt'], params: [a.b]}
  b:
    cmd: |
      a > "$b"

      c
    outs: &outs
    - d: {cache: false}
    metrics: *outs
"""
    assert yaml12.parse(text, "dvc.yaml")["stages"]["b"] == {
        "cmd": 'a > "$b"\n\nc\n',
        "outs": [{"d": {"cache": False}}],
        "metrics": [{"d": {"cache": False}}],
    }


def test_a_refusal_names_file_line_and_column() -> None:
    with pytest.raises(UsageError, match=r"^sub/dvc\.yaml: line 2, column 4: "):
        yaml12.parse("a: 1\nb: ]\n", "sub/dvc.yaml")


@pytest.mark.parametrize(
    ("name", "said"), [("dvc.lock", "--ours or --theirs"), ("dvc.yaml", "resolve")]
)
def test_both_sides_of_a_merge_are_named_as_such(name: str, said: str) -> None:
    marks = "<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n"
    with pytest.raises(UsageError) as refusal:
        yaml12.parse(marks, name)
    assert said in refusal.value.fix
