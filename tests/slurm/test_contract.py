"""The engine `slurm` against the contract of engines."""

from __future__ import annotations

import pytest

from tests.engine_contract import EngineContract
from tests.slurm.conftest import NEEDS_SLURM

pytestmark = NEEDS_SLURM


class TestSlurm(EngineContract):
    @pytest.fixture
    def engine(self) -> str:
        return "slurm"
