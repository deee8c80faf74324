"""Small projects, each with one feature of DVC, and the changes made to them between runs."""

from tests.dvc_bridge.equality.cases import folders, graphs, names, outs

ALL = [case for room in (graphs, names, folders, outs) for case in room.CASES]
