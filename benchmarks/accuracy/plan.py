"""What is run: one process for each dataset, system and seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import md5
from pathlib import Path
from typing import Any

from thinc.api import Config

from project.scripts.configure import set_paths

from .configs import make_config
from .docs import is_nested, read_docs
from .systems import PACER, System

PARTS = ("train", "dev", "test")


@dataclass
class Dataset:
    """A dataset as the corpus command leaves it.

    name (str): Its name.
    corpus (Path): The folder with its parts and labels.
    settings (Path): The file with its settings.
    """

    name: str
    corpus: Path
    settings: Path

    @cached_property
    def nested(self) -> bool:
        """RETURNS (bool): Whether its development data has spans that overlap."""
        return is_nested(read_docs(self.corpus / "dev.spacy"))

    @cached_property
    def digests(self) -> dict[str, str]:
        """RETURNS (dict[str, str]): What tells its files from others."""
        names = [*(f"{part}.spacy" for part in PARTS), "labels.json"]
        return {name: md5((self.corpus / name).read_bytes()).hexdigest() for name in names}

    def missing(self) -> list[Path]:
        """RETURNS (list[Path]): The files that aren't there."""
        names = [*(f"{part}.spacy" for part in PARTS), "labels.json"]
        return [path for path in (*(self.corpus / name for name in names), self.settings) if not path.exists()]


@dataclass
class Run:
    """What one process trains and scores.

    dataset (Dataset): The dataset.
    system (System): The system.
    seed (int): The random seed.
    config (Config): What it is trained with, but for the paths.
    threads (int): The threads it may use.
    test (bool): Whether the best pipeline is scored on the test part.
    gpu_id (int): Processor, or -1 for none.
    clock (str): What seconds of training are measured by.
    max_seconds (float): How long a paced system is trained; None for as long as another one was.
    """

    dataset: Dataset
    system: System
    seed: int
    config: Config
    threads: int
    test: bool
    gpu_id: int
    clock: str
    max_seconds: float | None

    @property
    def name(self) -> str:
        """RETURNS (str): Its name, and that of the file its result is kept in."""
        return f"{self.dataset.name}-{self.system.name}-{self.seed}"

    @property
    def pacer(self) -> str | None:
        """RETURNS (str): The name of the run whose time it gets."""
        waits = self.system.paced and self.max_seconds is None
        return f"{self.dataset.name}-{PACER}-{self.seed}" if waits else None

    def identity(self, max_seconds: float | None, n_evaluations: int) -> dict[str, Any]:
        """RETURNS (dict): What has to be the same for a result to be kept. A result with test scores serves both."""
        return {
            "name": self.name,
            "dataset": self.dataset.name,
            "nested": self.dataset.nested,
            "system": self.system.name,
            "base": self.system.base,
            "overrides": self.system.overrides,
            "change": self.system.change,
            "seed": self.seed,
            "threads": self.threads,
            "gpu_id": self.gpu_id,
            "clock": self.clock,
            "config": md5(self.config.to_str(interpolate=False).encode("utf8")).hexdigest(),
            "data": self.dataset.digests,
            "max_seconds": max_seconds,
            "n_evaluations": n_evaluations,
        }

    def write_config(self, path: Path) -> None:
        """Write the config with its paths and its seed."""
        config = self.config.copy()
        set_paths(config, self.dataset.corpus)
        config["system"]["seed"] = self.seed
        path.parent.mkdir(parents=True, exist_ok=True)
        config.to_disk(path, interpolate=False)


def make_runs(
    datasets: list[Dataset],
    systems: list[System],
    seeds: list[int],
    *,
    encoder: str,
    test: bool,
    steps: float = 1.0,
    **settings: Any,
) -> Iterator[Run]:
    """Plan the runs: all systems with the first seed, so that there is something to see early.

    datasets, systems, seeds (list): What is combined. Peers run on flat or on nested datasets alone.
    encoder (str): The text encoder; empty for that of the configs.
    test (bool): Whether to score on test parts. Changes never are.
    steps (float): The share of their steps that our configs are trained for.
    **settings: `threads`, `gpu_id`, `clock` and `max_seconds` of each run.
    YIELDS (Run): The runs; after the one whose time they get.
    """
    for seed in seeds:
        for dataset in datasets:
            for system in sorted(systems, key=lambda system: system.paced):
                if system.fits(dataset.nested):
                    config = make_config(system, dataset.settings, encoder, steps)
                    tested = test and not system.change
                    yield Run(dataset, system, seed, config, test=tested, **settings)
