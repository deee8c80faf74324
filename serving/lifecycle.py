"""From start to end: load and warm, reload on SIGHUP, drain on SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from serving.errors import ServingError
from serving.http.app import build_app
from serving.http.http_protocol import protocol_class
from serving.model.model import load_model
from serving.monitoring.metrics import Metrics
from serving.monitoring.window import Window
from serving.settings import Settings
from serving.state import Live, Serving

log = logging.getLogger("serving")


class Server(uvicorn.Server):
    """uvicorn with our signals; it listens first and loads then: not ready until it is warm."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.live = Live()
        self.metrics = Metrics(self.live)
        self.failed = False
        self._reload_asked, self._tasks = asyncio.Event(), set[asyncio.Task[None]]()
        config = uvicorn.Config(
            build_app(self.live, settings, self.metrics),
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=protocol_class(settings.timeout_s),
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, round(settings.grace_s)),
        )
        super().__init__(config)

    async def startup(self, sockets: Any = None) -> None:
        """Listen, then load."""
        await super().startup(sockets)
        if self.should_exit:  # the port is taken; uvicorn has said so
            self.failed = True
            return
        host, port, *_ = self.servers[0].sockets[0].getsockname()
        log.warning("listening on http://%s:%s", host, port)
        self._start(self._load_first())

    async def _load_first(self) -> None:
        try:
            await self._load()
        except ServingError as error:
            log.error("%s", error)  # noqa: TRY400 - expected, so without a traceback
            self.failed = self.should_exit = True
            return
        # What is there now stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        # Nor at the rows of a request in the making: they hold no cycles.
        gc.set_threshold(10_000)
        self._start(self._reload_when_asked())

    async def _reload_when_asked(self) -> None:
        """Reload once for all the signals that came during the last reload."""
        while True:
            await self._reload_asked.wait()
            self._reload_asked.clear()
            try:
                await self._load()
            except ServingError as error:
                self.metrics.count_reload("refused")
                log.error("the model that serves stays: %s", error)  # noqa: TRY400 - as above
            except Exception:
                self.metrics.count_reload("refused")
                log.exception("the model that serves stays")
            else:
                self.metrics.count_reload("loaded")

    async def _load(self) -> None:
        model = await asyncio.to_thread(load_model, self.settings.bundle)
        before = self.live.now
        if before:
            self.metrics.fold(before.window)
        self.live.now = Serving(model, Window(model.description, self.settings.drift_rows))
        log.warning("serving %s %s, bundle %s", model.name, model.version, model.bundle.sha256)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGHUP, SIGTERM and SIGINT; unlike uvicorn, end with 0 and not by the signal."""
        loop = asyncio.get_running_loop()
        taken = {
            signal.SIGHUP: self._reload_asked.set,
            signal.SIGTERM: self._drain,
            signal.SIGINT: self._drain,
        }
        for number, function in taken.items():
            loop.add_signal_handler(number, function)
        try:
            yield
        finally:
            for number in taken:
                loop.remove_signal_handler(number)

    def _drain(self) -> None:
        """Say not ready, go on for `drain_s`, then finish what is in progress; twice: end now."""
        if self.live.draining:
            self.should_exit = self.force_exit = True
            return
        self.live.draining = True
        log.warning("draining for %g s", self.settings.drain_s)
        self._start(self._exit_later())

    async def _exit_later(self) -> None:
        await asyncio.sleep(self.settings.drain_s)
        self.should_exit = True

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
