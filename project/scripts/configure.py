"""Write the config for a dataset: a general config, with the dataset's settings merged into it."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from thinc.api import Config


class Descriptions(str, Enum):
    """The text that describes a label: its sense in words, its name, or examples of it."""

    GUIDELINE = "guideline"
    NAME = "name"
    EXAMPLES = "examples"


def labels_path(corpus: Path, descriptions: Descriptions) -> Path:
    """RETURNS (Path): The file with these descriptions in the folder of a converted dataset."""
    # Commands without a choice of descriptions read labels.json.
    return corpus / ("labels.json" if descriptions == "guideline" else f"labels-{descriptions.value}.json")


def dataset_config(base: Path, settings: Path) -> Config:
    """Merge a dataset's settings into a general config.

    base (Path): The general config. Without warm-up, it stays without warm-up.
    settings (Path): The dataset's settings. A file beside it, named like `settings.binder_paper.cfg`, is merged next:
        it is for one config, which cuts passages in another way and so has other steps per epoch.
    RETURNS (Config): The config, not interpolated.
    """
    given = Config().from_disk(base, interpolate=False)
    config = given.merge(Config().from_disk(settings, interpolate=False))
    own = settings.with_name(f"{settings.stem}.{base.name}")
    if own.exists():
        config = config.merge(Config().from_disk(own, interpolate=False))
    if given["training"]["optimizer"]["learn_rate"]["warmup_steps"] == 0:
        config["training"]["optimizer"]["learn_rate"]["warmup_steps"] = 0
    return config


def set_paths(config: Config, corpus: Path, descriptions: Descriptions = Descriptions.GUIDELINE) -> None:
    """Set the paths of a config to the parts and the labels in the folder of a converted dataset."""
    config["paths"]["train"] = (corpus / "train.spacy").as_posix()
    config["paths"]["dev"] = (corpus / "dev.spacy").as_posix()
    config["paths"]["labels"] = labels_path(corpus, descriptions).as_posix()


def set_logger(config: Config, logger: Path, run: str) -> None:
    """Replace the logger of a config by that of a file, in which ${variables.run} is the name of the run."""
    config["variables"] = {"run": run}
    given = Config().from_disk(logger, interpolate=False)["training"]
    # Replaced, not merged: another logger has other settings.
    config["training"]["logger"] = given["logger"]
    # Scores that it does not show.
    config["training"]["score_weights"].update(given.get("score_weights", {}))


def main(
    base: Path,
    settings: Path,
    corpus: Path,
    output: Path,
    descriptions: Annotated[Descriptions, typer.Option(help="What describes a label.")] = Descriptions.GUIDELINE,
    logger: Annotated[
        Path | None,
        typer.Option(help="A config with [training.logger], which replaces that of BASE, and score weights."),
    ] = None,
    run: Annotated[
        str, typer.Option(help="The name of the run for loggers. By default it is made of CORPUS and OUTPUT.")
    ] = "",
) -> None:
    """Merge SETTINGS into BASE, set its paths to CORPUS, and write it to OUTPUT."""
    config = dataset_config(base, settings)
    set_paths(config, corpus, descriptions)
    if logger:
        set_logger(config, logger, run or f"{corpus.name}-{output.stem}")
    config.to_disk(output, interpolate=False)


if __name__ == "__main__":
    typer.run(main)
