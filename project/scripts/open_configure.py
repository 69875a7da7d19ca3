"""Write the config of the open pipeline: its paths, its steps and its logger."""

from pathlib import Path
from typing import Annotated

import typer
from configure import set_logger
from thinc.api import Config

# Of all steps: those in which the learning rate rises, and those between two evaluations.
WARM_UP, BETWEEN = 0.1, 0.2


def main(
    base: Path,
    corpus: Path,
    output: Path,
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 5000,
    logger: Annotated[
        Path | None, typer.Option(help="A config with [training.logger], which replaces that of BASE.")
    ] = None,
) -> None:
    """Write BASE to OUTPUT, with its paths set to CORPUS, for STEPS steps."""
    config = Config().from_disk(base, interpolate=False)
    config["paths"]["train"] = (corpus / "train").as_posix()
    config["paths"]["dev"] = (corpus / "dev").as_posix()
    config["paths"]["labels"] = (corpus / "labels.json").as_posix()
    training = config["training"]
    training["max_steps"] = steps
    training["eval_frequency"] = max(1, round(steps * BETWEEN))
    training["optimizer"]["learn_rate"]["warmup_steps"] = round(steps * WARM_UP)
    if logger:
        set_logger(config, logger, "open")
    config.to_disk(output, interpolate=False)


if __name__ == "__main__":
    typer.run(main)
