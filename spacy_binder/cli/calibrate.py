"""`spacy binder calibrate`: turn scores into probabilities, and choose thresholds for labels."""

from pathlib import Path
from typing import Annotated, Optional

from spacy.cli._util import Arg, Opt, setup_gpu
from wasabi import msg

from .output import Rows, check_folder, clean_errors

HEADER = ("Data", "", "P", "R", "F1", "ECE", "ECE of predictions")


def calibrate_cli(
    model: Annotated[str, Arg(help="Pipeline to calibrate: a folder or the name of an installed one")],
    dev: Annotated[
        Path,
        Arg(help="DocBin with gold spans that the pipeline was not trained on, or a folder of them", exists=True),
    ],
    output: Annotated[Path, Opt("--output", "-o", help="Folder to save the calibrated pipeline to")],
    thresholds: Annotated[bool, Opt("--thresholds", help="Also choose thresholds for labels, by F1 on DEV")] = False,
    min_gold: Annotated[int, Opt("--min-gold", help="Labels with fewer gold spans keep the general threshold")] = 30,
    held_out: Annotated[
        Optional[Path],
        Opt("--held-out", help="Another DocBin with gold spans, only to measure on", exists=True),
    ] = None,
    floor: Annotated[float, Opt("--floor", min=0.0, max=1.0, help="Lowest score of a candidate, from 0 to 1")] = 0.05,
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, where there are several")] = "",
    gpu_id: Annotated[int, Opt("--gpu-id", "-g", help="GPU to run on, -1 for the CPU")] = -1,
) -> None:
    """Save a pipeline whose scores are probabilities that a span is right.

    A scale and a bias for all labels are fitted on DEV. The threshold moves with the scores, so the pipeline finds the
    same spans as before, unless --thresholds is given. Prints precision, recall, F1 and the expected calibration error
    (ECE), in percent, before and after.
    """
    from functools import partial

    from spacy.util import load_model
    from tqdm import tqdm

    from ..analysis.calibration import calibrate, label_thresholds
    from ..analysis.component import find_component, get_component
    from ..analysis.docs import EvaluatedDoc, LeftOut, evaluate_file
    from ..analysis.metrics import calibration_figures, score
    from ..analysis.reading import read_examples, read_gold

    paths = [path for path in dict.fromkeys((dev, held_out)) if path is not None]
    # disable=None: no progress bar without a terminal.
    progress = partial(tqdm, unit=" documents", disable=None, leave=False)

    def measure(step: str) -> list[EvaluatedDoc]:
        """Add a row per file. RETURNS (list[EvaluatedDoc]): The docs of DEV."""
        of_dev = []
        for path in paths:
            left_out[path] = LeftOut()
            docs = list(progress(evaluate_file(nlp, name, path, floor, left_out[path]), desc=f"{path.name}, {step}"))
            of_dev = of_dev or docs
            scores, calibration = score(docs), calibration_figures(docs)
            errors = [calibration[spans]["error"] for spans in ("candidates", "predictions")]
            values = (*(scores[figure] for figure in "prf"), *errors)
            rows.add((path.name, step, *("-" if value is None else f"{100 * value:.2f}" for value in values)))
        return of_dev

    with clean_errors("Can't calibrate the pipeline"):
        check_folder(output)
        setup_gpu(gpu_id)
        nlp = load_model(model)
        name = find_component(nlp, component)
        pipe = get_component(nlp, name)
        for path in paths:
            read_gold(nlp, name, path)
        left_out: dict[Path, LeftOut] = {}
        rows = Rows(HEADER, (max(len(path.name) for path in paths), 10, 6, 6, 6, 6, 18), n_left=2)
        measure("before")
        calibrate(nlp, name, progress(read_examples(nlp, name, dev), desc="fitting"), floor)
        docs = measure("calibrated")
        if thresholds:
            own = label_thresholds(docs, pipe.labels, pipe.cfg["threshold"], min_gold=min_gold)
            pipe.cfg["thresholds"] = own
            measure("thresholds")
        for path in paths:
            for message in left_out[path].messages(pipe, path, floor):
                msg.warn(message)
        calibration, own = pipe.cfg["calibration"], pipe.cfg["thresholds"]
        msg.info(f"score = sigmoid({calibration['scale']:.3f} * margin {calibration['bias']:+.3f})")
        msg.info(f"threshold = {pipe.cfg['threshold']:.3f}" + "".join(f", {label} {own[label]:.3f}" for label in own))
        output.parent.mkdir(parents=True, exist_ok=True)
        nlp.to_disk(output)
    msg.good("Saved the calibrated pipeline", str(output))
