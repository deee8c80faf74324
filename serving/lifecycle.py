"""The life of the server: start and warm up, reload on SIGHUP, drain on SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Coroutine, Iterator
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
from serving.state import ActiveModel, ServerState

log = logging.getLogger("serving")


class Server(uvicorn.Server):
    """uvicorn with our signals. It listens before it loads, and is not ready until it is warm."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.state = ServerState()
        self.metrics = Metrics(self.state)
        self.failed = False
        self._reload_requested, self._tasks = asyncio.Event(), set[asyncio.Task[None]]()
        config = uvicorn.Config(
            build_app(self.state, settings, self.metrics),
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
        if self.should_exit:  # the port is in use; uvicorn has logged it
            self.failed = True
            return
        host, port, *_ = self.servers[0].sockets[0].getsockname()
        log.warning("listening on http://%s:%s", host, port)
        self._start_task(self._load_first())

    async def _load_first(self) -> None:
        try:
            await self._load()
        except ServingError as error:
            log.error("%s", error)  # noqa: TRY400 - expected, so without a traceback
            self.failed = self.should_exit = True
            return
        # All objects of this moment stay, so the collector need not visit them again and again.
        gc.collect()
        gc.freeze()
        # Nor need it visit the rows of a request while they are built: they contain no cycles.
        gc.set_threshold(10_000)
        self._start_task(self._reload_on_request())

    async def _reload_on_request(self) -> None:
        """Reload once for all signals that arrived during the last reload."""
        while True:
            await self._reload_requested.wait()
            self._reload_requested.clear()
            try:
                await self._load()
            except ServingError as error:
                self.metrics.count_reload("refused")
                log.error("the active model stays: %s", error)  # noqa: TRY400 - as above
            except Exception:
                self.metrics.count_reload("refused")
                log.exception("the active model stays")
            else:
                self.metrics.count_reload("loaded")

    async def _load(self) -> None:
        model = await asyncio.to_thread(load_model, self.settings.bundle)
        before = self.state.active
        if before:
            self.metrics.count_pending(before.window)
        window = Window(model.metadata, self.settings.drift_rows)
        self.state.active = ActiveModel(model, window)
        log.warning("serving %s %s, bundle %s", model.name, model.version, model.bundle.sha256)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGHUP, SIGTERM and SIGINT; unlike with uvicorn, the process exits with 0."""
        loop = asyncio.get_running_loop()
        handlers = {
            signal.SIGHUP: self._reload_requested.set,
            signal.SIGTERM: self._drain,
            signal.SIGINT: self._drain,
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def _drain(self) -> None:
        """Become not ready, accept for `drain_s`, finish what is in progress; twice: exit now."""
        if self.state.draining:
            self.should_exit = self.force_exit = True
            return
        self.state.draining = True
        log.warning("draining for %g s", self.settings.drain_s)
        self._start_task(self._exit_after_drain())

    async def _exit_after_drain(self) -> None:
        await asyncio.sleep(self.settings.drain_s)
        self.should_exit = True

    def _start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
