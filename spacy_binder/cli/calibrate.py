"""`spacy binder calibrate`: scores that say how likely a span is right, and thresholds of labels."""

from pathlib import Path
from typing import Annotated, Optional

from spacy.cli._util import Arg, Opt, setup_gpu
from wasabi import msg


def calibrate_cli(
    model: Annotated[str, Arg(help="Pipeline to calibrate: a folder or the name of an installed one")],
    dev: Annotated[Path, Arg(help="DocBin with gold spans that it wasn't trained on", exists=True)],
    output: Annotated[Path, Opt("--output", "-o", help="Folder to save the calibrated pipeline to")],
    thresholds: Annotated[bool, Opt("--thresholds", help="Choose thresholds of labels by F1 on DEV, too")] = False,
    min_gold: Annotated[int, Opt("--min-gold", help="Labels with fewer gold spans keep the general threshold")] = 30,
    held_out: Annotated[
        Optional[Path],
        Opt("--held-out", help="Another DocBin to measure on, from which nothing is learned", exists=True),
    ] = None,
    floor: Annotated[float, Opt("--floor", help="Spans that score lower are no candidates, from 0 to 1")] = 0.05,
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, where there are several")] = "",
    gpu_id: Annotated[int, Opt("--gpu-id", "-g", help="GPU to run on, -1 for the CPU")] = -1,
) -> None:
    """Save a pipeline whose scores say how likely a span is right.

    A scale and a bias that all labels share are fitted on DEV. The pipeline finds the same spans as before, unless
    --thresholds is given: its threshold moves with the scores. Prints precision, recall, F1 and the expected
    calibration error (ECE), in percent, before and after.
    """
    setup_gpu(gpu_id)
    from spacy.training import Corpus
    from spacy.util import load_model

    from ..analysis.calibration import calibrate, judge, label_thresholds, measure
    from ..analysis.component import find_component

    nlp = load_model(model)
    name = find_component(nlp, component)
    data = {path: list(Corpus(path)(nlp)) for path in (dev, held_out) if path is not None}
    rows = [(path.name, "before", *measure(nlp, name, examples, path, floor)) for path, examples in data.items()]
    calibrate(nlp, name, data[dev], floor)
    cfg = nlp.get_pipe(name).cfg  # type: ignore[attr-defined]
    steps = ["calibrated"]
    rows += [(path.name, steps[-1], *measure(nlp, name, examples, path, floor)) for path, examples in data.items()]
    if thresholds:
        steps.append("thresholds")
        labels = list(cfg["labels"])
        cfg["thresholds"] = label_thresholds(
            judge(nlp, name, data[dev], floor), labels, cfg["threshold"], min_gold=min_gold
        )
        rows += [(path.name, steps[-1], *measure(nlp, name, examples, path, floor)) for path, examples in data.items()]
    header = ("Data", "", "P", "R", "F1", "ECE", "ECE of predictions")
    rows = [(*row[:2], *("-" if value is None else f"{100 * value:.2f}" for value in row[2:])) for row in rows]
    msg.table(rows, header=header, divider=True, aligns=("l", "l", "r", "r", "r", "r", "r"))
    calibration, own = cfg["calibration"], cfg["thresholds"]
    msg.info(f"score = sigmoid({calibration['scale']:.3f} * margin {calibration['bias']:+.3f})")
    msg.info(f"threshold = {cfg['threshold']:.3f}" + "".join(f", {label} {own[label]:.3f}" for label in own))
    nlp.to_disk(output)
    msg.good("Saved the calibrated pipeline", str(output))
