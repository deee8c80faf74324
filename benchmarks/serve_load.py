"""A server in its own process, load from wrk, and the server's CPU and memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

ROOT = Path(__file__).resolve().parent.parent

# Each request has the next body; random pauses between requests result in a rate.
_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local bodies, index, pause = {}, 0, tonumber(os.getenv("PAUSE_MS"))
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
function request()
  index = index % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[index])
end
if pause > 0 then
  function delay() return math.floor(-math.log(1 - math.random()) * pause + 0.5) end
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"max_ms":%f,' ..
    '"not_2xx":%d,"failed":%d}\\n', summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3, e.status,
    e.connect + e.read + e.write + e.timeout))
end
"""


class Load(NamedTuple):
    """What wrk measured, and the CPU of the server."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    not_2xx: int
    failed: int
    cpu_ms: float  # per request: user and system time of the server's processes

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


class Server:
    """A server that `command` starts; it ends with the block."""

    def __init__(
        self, command: Sequence[str], port: int, ready: str, path: str, env: dict[str, str]
    ) -> None:
        self.port, self.path = port, path
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        self.process = psutil.Popen(
            command, cwd=ROOT, env={**os.environ, **env}, stdout=self.log, stderr=self.log
        )
        try:
            self._wait(f"http://127.0.0.1:{port}{ready}")
        except BaseException:
            self.stop()
            raise
        self.ready_cpu_s = self.cpu_s()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _tree(self) -> list[Any]:
        return [self.process, *self.process.children(recursive=True)]

    def cpu_s(self) -> float:
        """Return the CPU seconds so far of the process and all its children, also past ones."""
        times = [p.cpu_times() for p in self._tree()]
        running = sum(t.user + t.system for t in times)
        return float(running + times[0].children_user + times[0].children_system)

    def rss_mb(self) -> float:
        """Return the current memory in millions of bytes."""
        return float(sum(p.memory_info().rss for p in self._tree()) / 1e6)

    def _wait(self, url: str) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - http, ours
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        self.log.seek(0)
        raise SystemExit(f"{url} did not answer\n{self.log.read().decode(errors='replace')}")

    def ask(self, body: str) -> Any:
        """Send one body and return the response."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{self.path}",
            body.encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - as above
            return json.loads(response.read())

    def load(
        self, bodies: Sequence[str], connections: int, seconds: float, pause_ms: float = 0
    ) -> Load:
        """Send requests with wrk for `seconds`, from one thread with `connections` connections."""
        with tempfile.TemporaryDirectory() as folder:
            script, lines = Path(folder, "load.lua"), Path(folder, "bodies")
            script.write_text(_SCRIPT)
            lines.write_text("\n".join(bodies) + "\n")
            start_cpu_s = self.cpu_s()
            process = subprocess.run(
                [
                    *("wrk", "--threads", "1", "--connections", str(connections)),
                    *("--duration", f"{seconds:g}s", "--timeout", "30s", "--script", str(script)),
                    f"http://127.0.0.1:{self.port}{self.path}",
                ],
                env={**os.environ, "BODIES": str(lines), "PAUSE_MS": str(pause_ms)},
                capture_output=True,
                text=True,
                check=True,
            )
            cpu_s = self.cpu_s() - start_cpu_s
        summary = json.loads(re.findall(r"^\{.*\}$", process.stdout, re.MULTILINE)[-1])
        return Load(**summary, cpu_ms=cpu_s * 1000 / max(summary["requests"], 1))

    def stop(self) -> None:
        """Stop the server and its children."""
        for process in reversed(self._tree()) if self.process.is_running() else []:
            process.terminate()
        try:
            self.process.wait(20)
        except psutil.TimeoutExpired:
            self.process.kill()
        self.log.close()
