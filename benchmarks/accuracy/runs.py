"""Doing the runs of a plan, some at once, and keeping what they give."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ..parts import read_kept, run_part, write_json
from .plan import Run

TASK = ["-m", "benchmarks.accuracy.task"]
# Where there is no other run that says how often.
N_EVALUATIONS = 5


class Runner:
    """Does runs, unless there is a result of the same settings."""

    def __init__(self, output: Path, console: Console, *, fresh: bool, keep_models: bool) -> None:
        """
        output (Path): Results go to `parts` in it, configs to `configs` and pipelines to `models`.
        console (Console): Where it is said what has been done.
        fresh (bool): Whether to do again what is there.
        keep_models (bool): Whether the best pipelines stay.
        """
        self.output = output
        self.console = console
        self.fresh = fresh
        self.keep_models = keep_models
        self.futures: dict[str, Future[None]] = {}

    def do(self, runs: list[Run], jobs: int) -> None:
        """Do runs, so many at once. A run starts after the one whose time it gets."""
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
        with (
            Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True) as progress,
            ThreadPoolExecutor(jobs) as executor,
        ):
            total = progress.add_task("All runs", total=len(runs), state="")
            for run in runs:
                self.futures[run.name] = executor.submit(self._do, run, progress)
            try:
                for future in as_completed(self.futures.values()):
                    progress.advance(total)
                    future.result()
            except BaseException:
                executor.shutdown(wait=False, cancel_futures=True)
                raise

    def _do(self, run: Run, progress: Progress) -> None:
        path = self.output / "parts" / f"{run.name}.json"
        max_seconds, n_evaluations = run.max_seconds if run.system.paced else None, N_EVALUATIONS
        if run.pacer:
            if run.pacer in self.futures:
                self.futures[run.pacer].result()
            pacer = self._result(run.pacer)
            if pacer is None:
                hint = f"Run {run.pacer} too, or say how long with --peer-seconds"
                # A result that is there is one of another time, but hours of work.
                if self._result(run.name) is None:
                    write_json({**run.identity(None, N_EVALUATIONS), "error": hint}, path)
                self.console.print(f"{run.name}: [red]failed[/]. {hint}")
                return
            max_seconds, n_evaluations = pacer["training_seconds"], len(pacer["evaluations"])
        identity = run.identity(max_seconds, n_evaluations)
        kept = None if self.fresh else read_kept(identity, path)
        if kept and "result" in kept and (kept["result"]["test"] or not run.test):
            self.console.print(f"{run.name}: kept from {kept['date']}")
            return
        record = self._measure(run, identity, progress)
        write_json(record, path)
        if "error" in record:
            self.console.print(f"{run.name}: [red]failed[/] in {record['wall_seconds']:.0f} s")
            self.console.print(escape(record["error"]), style="dim")
        else:
            dev, test = record["result"]["dev"], record["result"]["test"]
            scores = f"dev F1 {100 * dev['f']:.1f}" + (f", test F1 {100 * test['f']:.1f}" if test else "")
            self.console.print(f"{run.name}: {scores} in {record['wall_seconds']:.0f} s")

    def _result(self, name: str) -> dict[str, Any] | None:
        """RETURNS (dict): The result of another run, whatever its settings: those of this plan if it is part of it."""
        path = self.output / "parts" / f"{name}.json"
        return json.loads(path.read_text(encoding="utf8")).get("result") if path.exists() else None

    def _measure(self, run: Run, identity: dict[str, Any], progress: Progress) -> dict[str, Any]:
        config, model = self.output / "configs" / f"{run.name}.cfg", self.output / "models" / run.name
        run.write_config(config)
        bar = progress.add_task(run.name, total=1.0, state="")
        settings = {name: identity[name] for name in ("clock", "max_seconds", "n_evaluations", "gpu_id")}
        settings["keep"] = self.keep_models
        test = str(run.dataset.corpus / "test.spacy") if run.test else ""
        arguments = [*TASK, str(config), str(model), str(run.threads), test, json.dumps(settings)]
        try:
            return run_part(identity, arguments, run.threads, lambda line: show(progress, bar, line))
        finally:
            progress.remove_task(bar)


def show(progress: Progress, bar: TaskID, line: str) -> None:
    """Show what a process says of how far it is. Other lines are somebody else's."""
    try:
        state = json.loads(line)
    except json.JSONDecodeError:
        return
    if isinstance(state, dict) and "done" in state:
        progress.update(bar, completed=state["done"])
        if "f" in state:
            progress.update(bar, state=f"step {state['step']}: dev F1 {100 * state['f']:.1f}")


def read_records(folder: Path) -> Iterator[dict[str, Any]]:
    """YIELDS (dict): All that has been kept, in the order of names."""
    for path in sorted(folder.glob("*.json")):
        yield json.loads(path.read_text(encoding="utf8"))
