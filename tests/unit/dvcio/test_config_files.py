"""Settings that DVC refuses are named with their file and line, and without their values."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_bridge.dvcio.project import find_project
from dvc_bridge.errors import UsageError


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a project in the current directory."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".dvc").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".dvc" / "config"


REFUSED = {
    "[core]\n    analytics = false\n    cloud = aws\n": ".dvc/config:3: core.cloud: extra keys",
    "[core]\n    no_scm = true\n[Global]\n    a = 1\n": ".dvc/config:3: global: extra keys",
    "['remote \"s\"']\n    url = s3://b\n    urll = secret\n": (
        ".dvc/config:3: remote.s.urll: extra keys"
    ),
    "[core]\n    remote = a\n    remote = secret\n": ".dvc/config:3: a name for the second time",
    "[core]\n    secret\n": ".dvc/config:2: neither a section nor a setting",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_refused_setting_is_named_with_its_line(text: str, config: Path) -> None:
    config.write_text(text)
    with pytest.raises(UsageError) as caught:
        find_project()
    assert caught.value.message.startswith(REFUSED[text])
    assert "secret" not in str(caught.value)


def test_a_setting_of_the_user_is_named_with_the_whole_path(
    config: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("")
    folder = tmp_path_factory.mktemp("user")
    (folder / "config").write_text("[core]\ncloud = aws\n")
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(folder))
    with pytest.raises(UsageError) as caught:
        find_project()
    assert caught.value.message.startswith(f"{folder / 'config'}:2: core.cloud: ")
