"""Package a trained pipeline. Its name has the dataset and the run, and Python can import it."""

import re
from pathlib import Path

import typer
from spacy.cli.package import package


def package_name(dataset: str, run: str) -> str:
    """RETURNS (str): The name, without the language that spaCy puts before it."""
    return re.sub(r"\W", "_", f"{dataset}_{run}")


def main(pipeline: Path, output: Path, dataset: str, run: str, wheel: bool = False) -> None:
    """Package PIPELINE, the result of RUN on DATASET, in OUTPUT: as source, and with --wheel also as a wheel."""
    package(pipeline, output, name=package_name(dataset, run), create_wheel=wheel, force=True, silent=False)


if __name__ == "__main__":
    typer.run(main)
