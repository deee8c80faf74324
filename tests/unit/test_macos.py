"""Where the calls of Linux are missing, as on macOS: everything imports, plans and runs."""

from __future__ import annotations

import os
import subprocess
import sys

from dvc_bridge.local.cpu_limits import VARIABLES
from tests.support.projects import MakeProject

# What Linux has and macOS does not, in modules that the product may use.
SCRIPT = """
import importlib, os, pkgutil, select, signal, socket, sys, time

import psutil  # has its own code for each system

for module, names in {
    os: "sched_getaffinity sched_setaffinity sched_setscheduler pidfd_open eventfd memfd_create"
    " splice copy_file_range getrandom posix_fadvise posix_fallocate setresuid getresuid unshare"
    " setns getxattr setxattr listxattr removexattr O_TMPFILE O_PATH O_DIRECT",
    select: "epoll",
    signal: "pidfd_send_signal sigtimedwait sigwaitinfo",
    socket: "AF_NETLINK AF_VSOCK AF_PACKET",
    time: "CLOCK_BOOTTIME CLOCK_TAI",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
for name in ("spwd", "ossaudiodev"):
    sys.modules[name] = None

import dvc_bridge.app, dvc_bridge.cli, dvc_bridge.dvcio, dvc_bridge.local
import dvc_bridge.report, dvc_bridge.ui

for package in (
    dvc_bridge.app, dvc_bridge.cli, dvc_bridge.dvcio, dvc_bridge.local, dvc_bridge.report,
    dvc_bridge.ui,
):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)

from dvc_bridge.cli import main

assert main(["plan", "--check"]) == 10
assert main(["repro", "-j", "2"]) == 0
assert main(["plan", "--check"]) == 0
"""
STAGES = {
    "one": {"cmd": "sleep 0.1; echo 1 > one", "outs": ["one"]},
    "two": {"cmd": "echo $OMP_NUM_THREADS > two", "outs": ["two"]},
    "both": {"cmd": "cat one two > both", "deps": ["one", "two"], "outs": ["both"]},
}


def test_without_the_calls_of_linux_all_modules_import_and_stages_run(
    make_project: MakeProject,
) -> None:
    root = make_project(STAGES)
    environment = {key: text for key, text in os.environ.items() if key not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 ran" in done.stdout
    assert (root / "two").read_text().strip().isdecimal()
