"""Entries of dvc.lock and of the run cache as text: the bytes of DVC's own writer."""

from __future__ import annotations

from typing import Any

import pytest
from dvc.utils.serialize import dumps_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dvc_bridge.dvcio.recording import lock_yaml

PLAIN = [
    "a",
    "x.csv",
    "data/x.csv",
    "python train.py --a=1 data/x.csv > out",
    "p.q",
    "x@y",
    "x_1-z",
]
HARD = [
    *("", "é", "yes", "No", "ON", "null", "~", "~/x", "$HOME", "- a", "-a", "--x", "a: b", "a #b"),
    *(
        "x:",
        ":a",
        "'a'",
        '"a"',
        "a\nb",
        "a\n",
        "\n",
        " a",
        "a ",
        "a  b",
        "a\tb",
        "\\",
        "{a}",
        "[a]",
    ),
    *("a,b", ",a", "%a", "@a", "`a`", "!a", "&a", "*a", "? a", "|a", ">a", "=", "<<", "a && b"),
    *(
        "a | b",
        "(a)",
        "1",
        "1e5",
        "12e3",
        "0x1",
        "1_0",
        "2001-01-01",
        "\x7f",
        "\u2028",
        "\U0001f600",
    ),
]
long = st.builds(str.__mul__, st.sampled_from("a/. "), st.integers(55, 90)).map("b{}".format)
phrase = st.lists(st.sampled_from([*PLAIN, *HARD]), min_size=1, max_size=12).map(" ".join)
shell = st.text("abcdefnoytru/_.-+=@%, $&|<>()*?~^;#:'\"0123456789", max_size=30)
easy = st.sampled_from(PLAIN) | long
word = easy | st.sampled_from(HARD) | phrase | shell

number = st.integers() | st.floats() | st.sampled_from([1e16, 1e-5, 1e22, 5e-324, 10**30])
plain_value = st.none() | st.booleans() | number | word
nested = st.recursive(
    plain_value,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(word, inner, max_size=3),
    max_leaves=5,
)
# YAML reads some md5s of digits and e as numbers.
md5 = st.text("0123456789abcdef", min_size=32, max_size=32) | st.builds(
    "{}{}{:032d}".format, st.integers(0, 99), st.sampled_from("eb"), st.integers(0, 10**9)
).map(lambda text: text[:32])
pointer = st.fixed_dictionaries(
    {"path": word},
    optional={
        "hash": st.just("md5"),
        "md5": md5 | md5.map("{}.dir".format),
        "size": st.integers(0, 10**15),
        "nfiles": st.integers(0, 9),
        "isexec": st.just(True),
        "cloud": st.just({"s3": {"etag": "a"}}),
    },
)
pointers = st.lists(pointer, max_size=3)
entry = st.fixed_dictionaries(
    {"cmd": word | st.lists(word, max_size=3)},
    optional={
        "deps": pointers,
        "params": st.dictionaries(word, st.dictionaries(word, nested, max_size=3), max_size=2),
        "outs": pointers,
    },
)
words = st.lists(
    st.builds(str.__mul__, st.sampled_from("ab/_"), st.integers(1, 100)), min_size=8, max_size=30
)
# One difficult value makes DVC write a whole section: most entries must have none.
easy_value = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | easy
easy_entry = st.fixed_dictionaries(
    {
        "cmd": easy | st.lists(easy, min_size=1, max_size=2),
        "deps": st.lists(st.fixed_dictionaries({"path": easy, "md5": md5}), min_size=1, max_size=2),
        "params": st.dictionaries(
            easy, st.dictionaries(easy, easy_value, min_size=1, max_size=3), min_size=1, max_size=2
        ),
    }
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(easy | word, easy_entry | entry)
def test_an_entry_is_what_dvc_writes(name: str, found: dict[str, Any]) -> None:
    assert lock_yaml.entry_text(found) == dumps_yaml(found)
    in_lock = dumps_yaml({"stages": {name: found}}).partition("\n")[2]
    assert lock_yaml.named_entry_text(name, found) == in_lock


@settings(max_examples=200, deadline=None, derandomize=True)
@given(words, st.booleans())
def test_a_long_command_is_folded_as_dvc_does(words: list[str], is_list: bool) -> None:
    command = " ".join(words)
    found = {"cmd": [command, command] if is_list else command}
    assert lock_yaml.entry_text(found) == dumps_yaml(found)
    in_lock = dumps_yaml({"stages": {"one": found}}).partition("\n")[2]
    assert lock_yaml.named_entry_text("one", found) == in_lock


def test_dvc_writes_a_long_command_if_ruamel_folds_differently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lock_yaml, "_fold", lambda *_: "not as ruamel.yaml")
    monkeypatch.setattr(lock_yaml, "_folds_as_dvc", lock_yaml._folds_as_dvc.__wrapped__)
    found = {"cmd": "python train.py" + " data/x.csv" * 20}
    assert lock_yaml.entry_text(found) == dumps_yaml(found)


def test_a_list_that_two_sections_share_is_what_dvc_writes() -> None:
    shared = [1, 2]
    found = {"cmd": "a", "params": {"p": {"a": shared}}, "outs": [{"path": "x", "cloud": shared}]}
    assert lock_yaml.entry_text(found) == dumps_yaml(found)


def test_what_most_entries_hold_needs_no_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    long_command = "python train.py" + " data/x.csv" * 20
    lock_yaml.entry_text({"cmd": long_command})  # compares once how ruamel.yaml folds
    found = {
        "cmd": ["python train.py --rate 0.1 data/x.csv > out", "ls -l", long_command],
        "deps": [{"path": "a/b", "hash": "md5", "md5": "0123456789abcdef" * 2, "size": 3}],
        "params": {"params.yaml": {"a.b": 1e-05, "c": "text", "d": True}},
        "outs": [{"path": "d", "md5": "f" * 32 + ".dir", "size": 3, "nfiles": 2}],
    }
    expected = dumps_yaml(found)
    monkeypatch.setattr(lock_yaml, "_as_dvc", None)
    assert lock_yaml.entry_text(found) == expected
