"""What other programs may do around training, scoring, fairness analysis and monitoring: hooks, and a log of events.

A plug-in is an object with some of the methods of `CoordinationSpecs`, marked by `coordination_impl`. Those of
installed packages are found by the entry point group ``claims_fraud.coordination``; others are given to
`claims_fraud.hooks.ProjectHooks` in ``settings.py``. Not for changing what a run does: hooks are told, and their return
values are ignored.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import pluggy

from claims_fraud.errors import InputError

logger = logging.getLogger(__name__)

PROJECT, GROUP = "claims_fraud", "claims_fraud.coordination"
_spec = pluggy.HookspecMarker(PROJECT)
coordination_impl = pluggy.HookimplMarker(PROJECT)


class HookFailed(InputError):
    """A plug-in's hook failed where that is to end the run."""


class CoordinationSpecs:
    """The hooks there are, by when they are called; a plug-in takes those arguments that it names."""

    @_spec
    def pre_model_training(self, model_type: str) -> None:
        """Before the first node of training runs."""

    @_spec
    def post_model_training(self, model_type: str, metrics: Mapping[str, Any]) -> None:
        """After the model and its scores are saved; ``metrics`` are `training_metrics`."""

    @_spec
    def pre_scoring(self, model_type: str) -> None:
        """Before the first node of scoring runs, of all claims or of new ones."""

    @_spec
    def post_scoring(self, model_type: str, metrics: Mapping[str, Any]) -> None:
        """After the ranked claims are saved; ``metrics`` are `scoring_metrics`."""

    @_spec
    def pre_fairness_analysis(self, protected_attributes: Sequence[str]) -> None:
        """Before the first node of the fairness analysis runs."""

    @_spec
    def post_fairness_analysis(self, results: Mapping[str, Any]) -> None:
        """After what was found of each attribute is saved; ``results`` are `fairness_verdict`."""

    @_spec
    def pre_monitoring(self, model_type: str) -> None:
        """Before the first node of monitoring runs."""

    @_spec
    def post_monitoring(self, model_type: str, results: Mapping[str, Any]) -> None:
        """After what was found of each feature is saved."""


def told_with(event: str) -> tuple[str, ...]:
    """Return the names of what is told with an event: the arguments of its hook."""
    return tuple(signature(getattr(CoordinationSpecs, event)).parameters)[1:]


class EventLog:
    """Writes a line of JSON an event, into a file of its own a run: runs at once do not disturb each other.

    Parameters
    ----------
    folder : Path
        Made with the first event.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{_now():%Y%m%dT%H%M%SZ}_{uuid.uuid4().hex[:8]}.jsonl"
        self._lines: list[str] = []

    def write(self, event: str, what: Mapping[str, Any]) -> None:
        """Add an event to the file, which is written whole: a Volume of Unity Catalog cannot append."""
        self._lines.append(json.dumps({"at": _now().isoformat(), "event": event, **what}) + "\n")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text("".join(self._lines), encoding="utf-8")


class Coordinator:
    """Tells plug-ins and the event log what happens.

    Parameters
    ----------
    plugins : iterable of object
        In addition to those of installed packages.
    events : EventLog, optional
        None: no log is written.
    fatal : bool, default False
        Whether a hook that fails ends the run; else it is logged, and others are still called.

    Raises
    ------
    InputError
        If a plug-in has a hook that is none of `CoordinationSpecs`, or one with other arguments.
    """

    def __init__(self, plugins: Iterable[object], events: EventLog | None = None, fatal: bool = False) -> None:
        self._manager, self._events, self._fatal = pluggy.PluginManager(PROJECT), events, fatal
        self._manager.add_hookspecs(CoordinationSpecs)
        try:
            self._manager.load_setuptools_entrypoints(GROUP)
            for plugin in plugins:
                self._manager.register(plugin)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise InputError(
                f"a coordination plug-in does not fit: {error}. Hooks and their arguments are those of "
                "claims_fraud.coordination.CoordinationSpecs."
            ) from error

    def tell(self, event: str, **what: Any) -> None:
        """Call the hook of every plug-in, each whatever becomes of the others; raise HookFailed if that is fatal."""
        if self._events:
            self._attempt("the event log", event, partial(self._events.write, event, what))
        plugins = self._manager.get_plugins()
        for name, plugin in self._manager.list_name_plugin():
            hook = self._manager.subset_hook_caller(event, remove_plugins=plugins - {plugin})
            self._attempt(f"plug-in {name}", event, partial(hook, **what))

    def _attempt(self, who: str, event: str, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:
            if self._fatal:
                raise HookFailed(
                    f"{event} of {who} failed ({type(error).__name__}: {error}), and coordination.fatal is true. What "
                    "was saved before is kept. Mend it, or set coordination.fatal: false."
                ) from error
            logger.exception("%s of %s failed; the run goes on", event, who)


def _now() -> datetime:
    return datetime.now(UTC)
