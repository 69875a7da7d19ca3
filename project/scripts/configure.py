"""Write the config that a dataset is trained with: a general one, with the dataset's own settings over it."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from thinc.api import Config


class Descriptions(str, Enum):
    """What the type encoder reads of a label: what the guidelines mean by it, its name, or examples of it."""

    guideline = "guideline"
    name = "name"
    examples = "examples"


def labels_path(corpus: Path, descriptions: Descriptions) -> Path:
    """RETURNS (Path): The file in the folder of a converted dataset that has its labels so described."""
    # The plain name is what everything takes that doesn't choose.
    return corpus / ("labels.json" if descriptions == "guideline" else f"labels-{descriptions.value}.json")


def dataset_config(base: Path, settings: Path) -> Config:
    """RETURNS (Config): A general config with a dataset's settings over it. One without warm-up stays so.

    Where another config cuts passages otherwise, so that an epoch has other steps, its own settings lie beside the
    dataset's, named like `settings.binder_paper.cfg`.
    """
    given = Config().from_disk(base, interpolate=False)
    config = given.merge(Config().from_disk(settings, interpolate=False))
    own = settings.with_name(f"{settings.stem}.{base.name}")
    if own.exists():
        config = config.merge(Config().from_disk(own, interpolate=False))
    if given["training"]["optimizer"]["learn_rate"]["warmup_steps"] == 0:
        config["training"]["optimizer"]["learn_rate"]["warmup_steps"] = 0
    return config


def set_paths(config: Config, corpus: Path, descriptions: Descriptions = Descriptions.guideline) -> None:
    """Let a config's paths point to a folder with the parts of a dataset, and to its labels so described."""
    config["paths"]["train"] = (corpus / "train.spacy").as_posix()
    config["paths"]["dev"] = (corpus / "dev.spacy").as_posix()
    config["paths"]["labels"] = labels_path(corpus, descriptions).as_posix()


def set_logger(config: Config, logger: Path, run: str) -> None:
    """Let a config log as a file says, in which ${variables.run} is what the run is called."""
    config["variables"] = {"run": run}
    # Whole, not merged: another logger has other settings.
    config["training"]["logger"] = Config().from_disk(logger, interpolate=False)["training"]["logger"]


def main(
    base: Path,
    settings: Path,
    corpus: Path,
    output: Path,
    descriptions: Annotated[Descriptions, typer.Option(help="What describes a label.")] = Descriptions.guideline,
    logger: Annotated[Path | None, typer.Option(help="A config with [training.logger], instead of BASE's.")] = None,
    run: Annotated[str, typer.Option(help="What loggers call the run; CORPUS and OUTPUT name it by default.")] = "",
) -> None:
    """Merge SETTINGS into BASE, let its paths point to CORPUS, and write it to OUTPUT."""
    config = dataset_config(base, settings)
    set_paths(config, corpus, descriptions)
    if logger:
        set_logger(config, logger, run or f"{corpus.name}-{output.stem}")
    config.to_disk(output, interpolate=False)


if __name__ == "__main__":
    typer.run(main)
