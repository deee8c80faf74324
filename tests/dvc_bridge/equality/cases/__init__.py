"""Small projects, each with one feature of DVC, and the changes made to them between runs."""

from tests.dvc_bridge.equality.cases import graphs

ALL = [*graphs.CASES]
