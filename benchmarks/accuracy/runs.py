"""The runs: one process for each dataset, system and seed."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import md5
from pathlib import Path
from shutil import rmtree
from typing import Any

from spacy.vocab import Vocab
from thinc.api import Config

from project.scripts.configure import set_paths
from spacy_binder.config import find_encoder

from ..parts import read_kept, run_part
from .reader import KEY, read_docs
from .systems import System, encoder_block, make_config

FILES = ("train.spacy", "dev.spacy", "test.spacy", "labels.json")


@dataclass
class Run:
    """What one process trains and scores.

    corpus (Path): The folder that the project's command `corpus` makes. It is called like the dataset.
    system (System): The system.
    seed (int): The random seed.
    config (Config): What it is trained with, but for paths and seed.
    test (bool): Whether the best pipeline is scored on the test part.
    threads (int): The threads it may use.
    gpu_id (int): The GPU, or -1 for none.
    """

    corpus: Path
    system: System
    seed: int
    config: Config
    test: bool
    threads: int
    gpu_id: int

    @property
    def name(self) -> str:
        """RETURNS (str): Its name, which is also that of its files."""
        return f"{self.corpus.name}-{self.system.name}-{self.seed}"

    def identity(self) -> dict[str, Any]:
        """RETURNS (dict): What must be the same for a kept result to be this run's."""
        system = {**asdict(self.system), "name": self.name, "system": self.system.name, "dataset": self.corpus.name}
        settings = {"seed": self.seed, "threads": self.threads, "gpu_id": self.gpu_id}
        config = md5(self.config.to_str(interpolate=False).encode("utf8")).hexdigest()
        data = md5(b"".join((self.corpus / name).read_bytes() for name in FILES)).hexdigest()
        return {**system, **settings, "config": config, "data": data}

    def write_config(self, folder: Path) -> None:
        """Write the config with its paths, its seed and its log to a new folder."""
        config = self.config.copy()
        set_paths(config, self.corpus)
        config["system"]["seed"] = self.seed
        logger = {"@loggers": "spacy.ConsoleLogger.v3", "progress_bar": None, "console_output": True}
        config["training"]["logger"] = {**logger, "output_file": str(folder / "training.jsonl")}
        # spacy-transformers doesn't know the embedded encoder by its name.
        if "transformer" in config["components"]:
            encoder_block(config)["name"] = find_encoder(encoder_block(config)["name"])[0]
        # spaCy doesn't write over a log.
        rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        config.to_disk(folder / "config.cfg", interpolate=False)

    def do(self, output: Path, *, keep_models: bool) -> str:
        """Train and score, unless there is a result of the same settings. A result with test scores serves both.

        output (Path): The result goes to `parts` in it, config, log and pipelines to `runs`.
        keep_models (bool): Whether the pipelines stay.
        RETURNS (str): What was done.
        """
        path, folder = output / "parts" / f"{self.name}.json", output / "runs" / self.name
        kept = read_kept(self.identity(), path)
        if kept and "result" in kept and (kept["result"]["test"] or not self.test):
            return f"{self.name}: kept from {kept['date']}"
        self.write_config(folder)
        parts = [self.corpus / f"{part}.spacy" for part in ("dev", "test")[: 1 + self.test]]
        task = "gliner_task" if "gliner" in self.config else "task"
        arguments = ["-m", f"benchmarks.accuracy.{task}", folder, *parts, "--gpu-id", self.gpu_id]
        record = run_part(self.identity(), arguments, self.threads, path)
        if not keep_models:
            for name in ("model-best", "model-last"):
                rmtree(folder / name, ignore_errors=True)
        taken = f"in {record['wall_seconds']:.0f} s"
        if "error" in record:
            return f"{self.name}: failed {taken}\n{record['error']}"
        scores = [f"{part} F1 {100 * s['f']:.1f}" for part in ("dev", "test") if (s := record["result"][part])]
        return f"{self.name}: {', '.join(scores)} {taken}"


def is_nested(corpus: Path) -> bool:
    """RETURNS (bool): Whether gold spans of a dataset's development part overlap."""
    return any(doc.spans[KEY].has_overlap for doc in read_docs(corpus / "dev.spacy", Vocab()))


def make_runs(
    corpora: list[Path],
    settings: Path,
    systems: list[System],
    seeds: list[int],
    *,
    test: bool,
    encoder: str = "",
    steps: float = 1.0,
    threads: int = 1,
    gpu_id: int = -1,
) -> Iterator[Run]:
    """Plan the runs: all systems with the first seed, so that there is something to see early.

    corpora (list[Path]): The folders of the datasets.
    settings (Path): The folder with NAME/settings.cfg for each of them.
    systems (list[System]): The systems. Peers run only on flat or only on nested datasets.
    seeds (list[int]): The random seeds.
    test (bool): Whether to score on test parts. Changes never are.
    encoder, steps: As `make_config` takes them.
    threads, gpu_id (int): As a `Run` has them.
    YIELDS (Run): The runs.
    """
    nested = {corpus: is_nested(corpus) for corpus in corpora}
    for seed in seeds:
        for corpus in corpora:
            for system in systems:
                if system.fits(nested[corpus]):
                    own = settings / corpus.name / "settings.cfg"
                    config = make_config(system, own, encoder=encoder, steps=steps)
                    yield Run(corpus, system, seed, config, test and not system.change, threads, gpu_id)
