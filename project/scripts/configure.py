"""Write the config that a dataset is trained with: a general one, with the dataset's own settings over it."""

from pathlib import Path

import typer
from thinc.api import Config


def main(base: Path, settings: Path, corpus: Path, output: Path) -> None:
    """Merge SETTINGS into BASE, let its paths point to CORPUS, and write it to OUTPUT."""
    config = Config().from_disk(base, interpolate=False)
    config = config.merge(Config().from_disk(settings, interpolate=False))
    config["paths"]["train"] = (corpus / "train.spacy").as_posix()
    config["paths"]["dev"] = (corpus / "dev.spacy").as_posix()
    config["paths"]["labels"] = (corpus / "labels.json").as_posix()
    config.to_disk(output, interpolate=False)


if __name__ == "__main__":
    typer.run(main)
