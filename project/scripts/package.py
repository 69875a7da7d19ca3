"""Package a trained pipeline under a name that tells dataset and run apart from others, and that Python can import."""

import re
from pathlib import Path

import typer
from spacy.cli.package import package


def package_name(dataset: str, run: str) -> str:
    """RETURNS (str): The name, without the language that spaCy puts before it."""
    return re.sub(r"\W", "_", f"{dataset}_{run}")


def main(pipeline: Path, output: Path, dataset: str, run: str) -> None:
    """Package PIPELINE, which a RUN on DATASET gave, in OUTPUT."""
    package(pipeline, output, name=package_name(dataset, run), force=True, silent=False)


if __name__ == "__main__":
    typer.run(main)
