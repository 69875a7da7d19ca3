"""`spacy binder optimize`: make a faster pipeline, if its F1 is good enough."""

from pathlib import Path
from typing import Annotated

from spacy.cli._util import Arg, Opt, setup_gpu
from wasabi import msg

from .output import Rows, check_folder, clean_errors


def optimize_cli(
    model: Annotated[str, Arg(help="Pipeline to optimize: a folder or the name of an installed one")],
    dev: Annotated[Path, Arg(help="DocBin with gold spans to measure F1 on, or a folder of them", exists=True)],
    output: Annotated[Path, Opt("--output", "-o", help="Folder to save the optimized pipeline to")],
    max_loss: Annotated[float, Opt("--max-loss", help="Points of F1 (of 100) that may be lost")] = 0.3,
    precision: Annotated[str, Opt("--precision", help="float32, bfloat16, int8, or auto for all of them")] = "auto",
    engine: Annotated[str, Opt("--engine", help="torch, openvino, or auto for all that are installed")] = "auto",
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, if there are several")] = "",
    gpu_id: Annotated[int, Opt("--gpu-id", "-g", help="GPU to measure on, -1 for the CPU")] = -1,
) -> None:
    """Save a faster pipeline, if its F1 on DEV is good enough.

    Tries to run the text encoder in fewer bits by torch, and by OpenVINO where that is installed and there is no GPU.
    int8 is calibrated on DEV. First, the speed of each choice is measured on the first documents of DEV. Choices that
    are slower than the pipeline as it is are dropped. F1 of the others is measured on all of DEV. Nothing is saved if
    they all lose more F1 than allowed, or none is faster than float32 by torch. The result loads like any other
    pipeline.
    """
    from functools import partial

    from spacy.util import load_model
    from tqdm import tqdm

    from ..analysis.component import find_component, get_component
    from ..analysis.docs import LeftOut
    from ..analysis.optimization import (
        HEADER,
        Candidate,
        combinations,
        compare_speed,
        current_choice,
        fastest_within,
        load_in_precision,
        measure,
        take_sample,
    )
    from ..analysis.reading import read_examples

    # disable=None: no progress bar without a terminal.
    progress = partial(tqdm, unit=" documents", disable=None, leave=False)
    with clean_errors("Can't optimize the pipeline"):
        check_folder(output)
        setup_gpu(gpu_id)
        nlp = load_model(model)
        name = find_component(nlp, component)
        current = current_choice(nlp, name)
        choices = combinations(precision, "torch" if engine == "auto" and gpu_id >= 0 else engine)
        choices = [choice for choice in choices if choice != current]
        if not choices:
            raise ValueError(f"The pipeline runs in {' by '.join(current)} already. There is nothing else to try.")
        speed, sample = take_sample(nlp, read_examples(nlp, name, dev))
        left_out = LeftOut()
        rows = Rows(HEADER, (9, 19, 6, 10, 9, 13, 6), n_left=2)
        examples = progress(read_examples(nlp, name, dev), desc="F1 of the pipeline as it is")
        baseline = measure(nlp, name, *current, examples, speed, left_out)
        rows.add(baseline.row(baseline))
        candidates: list[Candidate] = []
        failed: dict[str, str] = {}
        for choice in choices:
            title = " by ".join(choice)
            try:
                with progress(desc=f"Speed of {title}"):
                    optimized = load_in_precision(model, name, *choice, read_examples(nlp, name, dev))
                    times = compare_speed(nlp, optimized, sample)
            # Not every engine can run every encoder.
            except (ValueError, ImportError) as error:
                rows.add((*choice, "-", "fails", "-", "-", "-"))
                failed[title] = str(error)
                continue
            if times <= 1:
                rows.add((*choice, "-", "slower", f"{speed * times:,.0f}", f"{times:.2f}", "-"))
                continue
            examples = progress(read_examples(optimized, name, dev), desc=f"F1 of {title}")
            candidates.append(measure(optimized, name, *choice, examples, speed * times))
            rows.add(candidates[-1].row(baseline))
        for title, message in failed.items():
            msg.warn(f"The pipeline can't run in {title}", message)
        for message in left_out.messages(get_component(nlp, name), dev):
            msg.warn(message)
        chosen = fastest_within(candidates, baseline, max_loss)
        if chosen is None:
            lost = f"No choice loses at most {max_loss} points of F1 and is faster than the pipeline as it is."
            msg.fail("Nothing saved", lost, exits=1)
            return
        chosen.nlp.meta["binder_optimized"] = {
            "precision": chosen.precision,
            "engine": chosen.engine,
            "f_score": round(chosen.f_score, 2),
            "f_score_before": round(baseline.f_score, 2),
        }
        output.parent.mkdir(parents=True, exist_ok=True)
        chosen.nlp.to_disk(output)
    msg.good(f"Saved the pipeline in {chosen.precision} by {chosen.engine}", str(output))
