"""Say where the results of a run are, and what to type next."""

from pathlib import Path

import typer
from wasabi import msg

ROOT = Path(__file__).resolve().parents[2]
# The pipeline that `make app` opens.
DEMO = ROOT / "project" / "training" / "demo" / "binder-guideline" / "model-best"
EXAMPLE = "The director of the University of Vermont left Bergen on 4 May."


def main(pipeline: Path, report: Path) -> None:
    """Print the places of PIPELINE and REPORT, a command that opens the pipeline, and Python that loads it."""
    # Whole paths, because the user of `make demo` is in another folder than this script.
    pipeline, report = pipeline.resolve(), report.resolve()
    model = "" if pipeline == DEMO else f" MODEL={pipeline}"
    msg.good("Done. To see what the pipeline finds and misses, open this page:")
    print(f"  {report}")
    msg.info(f"To try it on your own text and types, type in {ROOT}:")
    print(f"  make app{model}")
    msg.info("To use it in Python:")
    print("  import spacy")
    print(f'  nlp = spacy.load("{pipeline.as_posix()}")')
    print(f'  print([(span.text, span.label_) for span in nlp("{EXAMPLE}").spans["sc"]])')


if __name__ == "__main__":
    typer.run(main)
