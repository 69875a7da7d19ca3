"""Stand-ins for the clients of experiment trackers, which keep what they are told instead of sending it."""

from types import ModuleType, SimpleNamespace
from typing import Any


class Tracked:
    """What a client was told.

    run (str): The name of the run.
    config (dict): The config as it was given.
    values (dict): The last value of each metric.
    finished (bool): Whether the run was ended.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.run = ""
        self.config: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.finished = False

    def finish(self, **settings: Any) -> None:
        """End the run."""
        self.finished = True


def fake_wandb(tracked: Tracked) -> ModuleType:
    """RETURNS (ModuleType): What spacy-loggers uses of wandb."""
    module = ModuleType("wandb")

    def init(project: str, config: dict[str, Any], entity: str | None, reinit: bool) -> SimpleNamespace:
        tracked.config = config
        return module.run

    members = {"init": init, "log": tracked.values.update, "run": SimpleNamespace(name="", id="1")}
    vars(module).update(members)

    def join() -> None:
        tracked.run = module.run.name
        tracked.finish()

    module.join = join  # type: ignore[attr-defined]
    return module


def fake_mlflow(tracked: Tracked) -> ModuleType:
    """RETURNS (ModuleType): What spacy-loggers uses of mlflow."""
    module = ModuleType("mlflow")

    def start_run(run_name: str, **settings: Any) -> None:
        tracked.run = run_name

    def log_metric(name: str, value: float) -> None:
        tracked.values[name] = value

    vars(module).update(
        start_run=start_run,
        end_run=tracked.finish,
        log_params=tracked.config.update,
        log_metric=log_metric,
        log_metrics=tracked.values.update,
        log_artifact=None,
    )
    return module


def fake_clearml(tracked: Tracked) -> ModuleType:
    """RETURNS (ModuleType): What spacy-loggers uses of clearml."""
    module = ModuleType("clearml")

    def report_scalar(title: str, series: str, iteration: int, value: float) -> None:
        tracked.values[title if title == series else f"{title}.{series}"] = value

    class Task:
        """A task that has one logger."""

        @classmethod
        def init(cls, project_name: str, task_name: str, output_uri: bool) -> "Task":
            """RETURNS (Task): The task."""
            tracked.run = task_name
            return cls()

        def connect(self, values: Any, name: str) -> None:
            """Keep a section of the config."""
            tracked.config[name] = values

        def get_logger(self) -> SimpleNamespace:
            """RETURNS (SimpleNamespace): The logger."""
            return SimpleNamespace(report_scalar=report_scalar)

        def flush(self, wait_for_uploads: bool) -> None:
            """Do nothing: there is nothing to send."""

        def close(self) -> None:
            """End the task."""
            tracked.finish()

    vars(module).update(Task=Task, Dataset=None, OutputModel=None)
    return module


CLIENTS = {"wandb": fake_wandb, "mlflow": fake_mlflow, "clearml": fake_clearml}
