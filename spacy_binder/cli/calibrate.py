"""`spacy binder calibrate`: turn scores into probabilities, and choose thresholds for labels."""

from pathlib import Path
from typing import Annotated, Optional

from spacy.cli._util import Arg, Opt, setup_gpu
from wasabi import msg


def calibrate_cli(
    model: Annotated[str, Arg(help="Pipeline to calibrate: a folder or the name of an installed one")],
    dev: Annotated[Path, Arg(help="DocBin with gold spans that the pipeline was not trained on", exists=True)],
    output: Annotated[Path, Opt("--output", "-o", help="Folder to save the calibrated pipeline to")],
    thresholds: Annotated[bool, Opt("--thresholds", help="Also choose thresholds for labels, by F1 on DEV")] = False,
    min_gold: Annotated[int, Opt("--min-gold", help="Labels with fewer gold spans keep the general threshold")] = 30,
    held_out: Annotated[
        Optional[Path],
        Opt("--held-out", help="Another DocBin with gold spans, only to measure on", exists=True),
    ] = None,
    floor: Annotated[float, Opt("--floor", help="Lowest score of a candidate, from 0 to 1")] = 0.05,
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, where there are several")] = "",
    gpu_id: Annotated[int, Opt("--gpu-id", "-g", help="GPU to run on, -1 for the CPU")] = -1,
) -> None:
    """Save a pipeline whose scores are probabilities that a span is right.

    A scale and a bias for all labels are fitted on DEV. The threshold moves with the scores, so the pipeline finds the
    same spans as before, unless --thresholds is given. Prints precision, recall, F1 and the expected calibration error
    (ECE), in percent, before and after.
    """
    setup_gpu(gpu_id)
    from spacy.training import Corpus
    from spacy.util import load_model

    from ..analysis.calibration import calibrate, label_thresholds
    from ..analysis.component import find_component, get_component
    from ..analysis.docs import evaluate_file
    from ..analysis.metrics import calibration_figures, score

    nlp = load_model(model)
    name = find_component(nlp, component)
    cfg = get_component(nlp, name).cfg
    rows = []

    def measure(step: str) -> list:
        parts = {path: evaluate_file(nlp, name, path, floor) for path in (dev, held_out) if path is not None}
        for path, docs in parts.items():
            scores, calibration = score(docs), calibration_figures(docs)
            errors = [calibration[spans]["error"] for spans in ("candidates", "predictions")]
            rows.append((path.name, step, *(scores[figure] for figure in "prf"), *errors))
        return parts[dev]

    measure("before")
    calibrate(nlp, name, Corpus(dev)(nlp), floor)
    docs = measure("calibrated")
    if thresholds:
        cfg["thresholds"] = label_thresholds(docs, list(cfg["labels"]), cfg["threshold"], min_gold=min_gold)
        measure("thresholds")
    header = ("Data", "", "P", "R", "F1", "ECE", "ECE of predictions")
    rows = [(*row[:2], *("-" if value is None else f"{100 * value:.2f}" for value in row[2:])) for row in rows]
    msg.table(rows, header=header, divider=True, aligns=("l", "l", "r", "r", "r", "r", "r"))
    calibration, own = cfg["calibration"], cfg["thresholds"]
    msg.info(f"score = sigmoid({calibration['scale']:.3f} * margin {calibration['bias']:+.3f})")
    msg.info(f"threshold = {cfg['threshold']:.3f}" + "".join(f", {label} {own[label]:.3f}" for label in own))
    nlp.to_disk(output)
    msg.good("Saved the calibrated pipeline", str(output))
