"""The page of the package has no link that holds in the repository alone."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup", REPOSITORY / "setup.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("source", ["", "https://example.org/team/dvc-bridge"])
def test_every_link_of_the_package_page_is_absolute(setup: ModuleType, source: str) -> None:
    readme = (REPOSITORY / "README.md").read_text()
    page = setup.package_page(readme, source)
    targets = re.findall(r"\]\(([^)]+)\)", page)
    assert [target for target in targets if not target.startswith("https://")] == []
    definitions = re.findall(r"^\[[^]]+\]:", readme, re.MULTILINE)
    assert not definitions, "links in definitions are not rewritten"


def test_links_and_images_lead_to_the_source(setup: ModuleType) -> None:
    text = "![a run](docs/run.svg), [how](docs/how.md#why), [DVC](https://dvc.org)"
    assert setup.package_page(text, "https://example.org/p") == (
        "![a run](https://example.org/p/raw/main/docs/run.svg),"
        " [how](https://example.org/p/blob/main/docs/how.md#why), [DVC](https://dvc.org)"
    )
    assert setup.package_page(text, "") == "*a run*, how, [DVC](https://dvc.org)"


def test_the_address_of_the_source_is_read_from_setup_cfg(setup: ModuleType) -> None:
    config = "[metadata]\nproject_urls =\n    Source = https://example.org/p\n"
    assert setup.source_address(config) == "https://example.org/p"
    assert setup.source_address("[metadata]\n") == ""
