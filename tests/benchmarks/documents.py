"""A small results file as the comparison writes it, with what is hard for a report."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.comparison.status import Status
from benchmarks.comparison.store import Key, Store
from benchmarks.comparison.timed_run import Sample

OUTS = {"a.out": "d41d8cd98f00b204e9800998ecf8427e"}
TITLES = {
    "plain_python": "plain Python, one process",
    "make": "GNU make",
    "dvc_repro": "dvc repro",
    "dvc_bridge_repro": "dvc-bridge repro",
    "other": 'other <script>alert("x")</script>',
    "wrong": "wrong outs",
}
SESSION: dict[str, Any] = {
    "format": 2,
    "began": "2026-11-29 12:00 UTC",
    "digest": "0123456789abcdef",
    "machine": {
        "processor": "A processor",
        "cores": 2,
        "memory_gb": 8.0,
        "governor": "not readable",
        "system": "Linux 6",
        "python": "3.11.7",
    },
    "load": [0.1, 1.9],
    "elapsed_s": {},
    "seconds_per_block": 0.001,
    "jobs": 2,
    "limit_s": 45.0,
    "cell_s": 8.0,
    "seed": 0,
    "code": {
        name: {
            "version": "1.0",
            "digest": "89abcdef01234567",
            "revision": ("1" if name == "dvc_bridge_repro" else "0") * 40,
            "dirty": name == "dvc_bridge_repro",
        }
        for name in TITLES
    },
    "toolchains": {
        name: {
            "title": title,
            "about": "what it is",
            "unit": "command",
            "skips": "no",
            "recovers_with": "other resume" if name == "other" else "",
            "released": "2026-10",
        }
        for name, title in TITLES.items()
    },
    "workloads": [
        {
            "name": "fan-out-1",
            "about": "one task",
            "origin": "",
            "tasks": 1,
            "limit_s": 45.0,
            "phases": ["cold"],
            "finds_metg": False,
        },
        {
            "name": "fan-out-10",
            "about": "10 tasks",
            "origin": "",
            "tasks": 10,
            "limit_s": 45.0,
            "phases": ["cold", "nothing changed", "what changed?"],
            "finds_metg": False,
        },
        *(
            {
                "name": name,
                "about": "a chain",
                "origin": "",
                "tasks": 10,
                "limit_s": 240.0 if name == "pipeline" else 45.0,
                "phases": [phase],
                "finds_metg": False,
            }
            for name, phase in (
                ("windmill-40-light", "cold"),
                ("windmill-10-long", "cold"),
                ("pipeline", "one parameter changed"),
                ("move-50-mb", "cold"),
                ("killed-worker", "after the kill"),
            )
        ),
        {
            "name": "taskbench-chain",
            "about": "METG of a chain",
            "origin": "https://arxiv.org/abs/1908.05790",
            "tasks": 8,
            "limit_s": 45.0,
            "phases": ["cold"],
            "finds_metg": True,
        },
    ],
    "published": [
        {
            "workload": "fan-out-10",
            "source": "https://example.org",
            "machine": "another machine",
            "seconds": {"Engine": 3.25},
        }
    ],
    "features": {
        "columns": ["dvc repro", "dvc-bridge"],
        "rows": [
            {
                "feature": "runs any dvc.yaml",
                "cells": [
                    {"value": "yes", "evidence": "documented", "link": "https://dvc.org/doc"},
                    {"value": "unknown", "evidence": "not checked", "link": ""},
                ],
            }
        ],
    },
}
# Seconds without noise, by toolchain.
SECONDS = {"plain_python": 0.02, "make": 0.1, "dvc_repro": 1.2, "dvc_bridge_repro": 0.5}


def sample(
    wall_s: float,
    exit_code: int = 0,
    outs: dict[str, str] = OUTS,
    log: str = "",
    measures: dict[str, float] | None = None,
) -> Sample:
    """Return a sample whose CPU is half of its wall time."""
    cpu_s = (wall_s * 0.4, wall_s * 0.1)
    return Sample(wall_s, *cpu_s, 50.0, exit_code, 1.0, outs, log, measures=measures or {})


def split(wall_s: float, tasks: float) -> dict[str, float]:
    """Return what is measured besides the time of a run, half of which is dispatch."""
    return {
        "dispatch_s": wall_s * 0.5,
        "work_s": wall_s * 0.3,
        "bookkeeping_s": wall_s * 0.2,
        "tasks": tasks,
    }


def fill(path: Path) -> Store:
    """Write a results file; the same every time."""
    store, noise = Store(path, SESSION), np.random.default_rng(0)

    def add(key: Key, seconds: float, metg_s: float | None = None, n: int = 5) -> None:
        for factor in np.exp(noise.normal(0, 0.03, n)):
            wall_s = seconds * factor
            measures = split(wall_s, 0 if "nothing" in key[1] else 10)
            store.add(key, sample(wall_s, measures=measures), metg_s and metg_s * factor)

    for name, seconds in SECONDS.items():
        add(("fan-out-1", "cold", name, ""), seconds / 4)
        add(("fan-out-10", "cold", name, ""), seconds)
        add(("fan-out-10", "nothing changed", name, ""), seconds / 2)
        add(("taskbench-chain", "cold", name, ""), seconds, seconds / 8)
    for variant, factor in (("", 1.0), ("again", 1.0), ("slowed", 1.2)):
        add(("method-check", "cold", "make", variant), 0.5 * factor, n=16)
    add_measures(store)
    store.add(("fan-out-10", "cold", "other", ""), sample(1, 7, log="<b>no such file</b>"))
    store.add(("fan-out-10", "cold", "wrong", ""), sample(1, outs={"a.out": "0" * 32}))
    store.mark(
        ("fan-out-10", "nothing changed", "other", ""), Status.NOT_APPLICABLE, "it has no files"
    )
    store.save()
    return store


def add_measures(store: Store) -> None:
    """Add rows that have more than a time: lines, bytes, first metric, and a killed worker."""
    for name, lines in (("windmill-40-light", 164), ("windmill-10-long", 44)):
        counted = sample(1, measures={"user_lines": lines})
        store.add((name, "cold", "dvc_repro", ""), counted)
    changed = ("pipeline", "one parameter changed")
    store.add((*changed, "make", ""), sample(240, 124, log="half of a line"))
    store.add((*changed, "dvc_repro", ""), sample(9, measures={"first_metric_s": 7.25}))
    for name, stored_mb in (("plain_python", 150.25), ("dvc_repro", 1300.0)):
        store.add(("move-50-mb", "cold", name, ""), sample(1, measures={"stored_mb": stored_mb}))
    store.add(("fan-out-10", "what changed?", "dvc_repro", ""), sample(0.75))
    killed = ("killed-worker", "after the kill")
    store.add((*killed, "plain_python", ""), sample(1, measures={"tasks": 10}))
    store.add((*killed, "dvc_repro", ""), sample(1, measures={"tasks": 5}))
    store.add((*killed, "make", ""), sample(1, outs={"a.out": "0" * 32}, measures={"tasks": 4}))
    store.add((*killed, "other", ""), sample(1, 1, log="LockError: locked by process 7"))


def is_close(first: float, second: float) -> bool:
    """Return whether two figures are the same, apart from rounding."""
    return math.isclose(first, second, rel_tol=1e-6)
