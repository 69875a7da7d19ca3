"""`spacy binder annotate`: find the spans of a corpus of any size, and go on where a run was stopped."""

import sys
from pathlib import Path
from typing import Annotated, Any, Optional

from spacy.cli._util import Arg, Opt, setup_gpu
from typer import Exit
from wasabi import msg

from .output import check_folder, clean_errors

# The command came to its end, but could not annotate some rows.
ROWS_FAILED = 3
SHOWN_FAILED = 3


def annotate_cli(
    model: Annotated[str, Arg(help="Pipeline to annotate with: a folder or the name of an installed one")],
    source: Annotated[
        Path, Arg(help="Rows: a file, or a folder of JSONL, Parquet, plain text or DocBins", exists=True)
    ],
    output: Annotated[Path, Arg(help="Folder that receives the shards and manifest.json")],
    format: Annotated[
        str, Opt("--format", "-f", help="jsonl, parquet, text, docbin, or auto to go by the names of the files")
    ] = "auto",
    to: Annotated[
        str, Opt("--to", help="Write jsonl or docbin. By default the format of SOURCE, or jsonl for plain text")
    ] = "",
    text_field: Annotated[str, Opt("--text-field", help="Field or column with the text")] = "text",
    id_field: Annotated[
        str, Opt("--id-field", help="Field or column with the id. Rows without one are named by file and number")
    ] = "id",
    spans_field: Annotated[
        str,
        Opt("--spans-field", help="Field that receives the spans. By default spans; in docs the component's key"),
    ] = "",
    lines: Annotated[
        bool, Opt("--lines", help="Each line of plain text is a row. By default each file is one")
    ] = False,
    labels: Annotated[
        Optional[Path],
        Opt(
            "--labels", help="JSON file with other labels: an object of labels and descriptions, or a list", exists=True
        ),
    ] = None,
    threshold: Annotated[
        Optional[float], Opt("--threshold", help="Score that spans have to exceed. By default the component's")
    ] = None,
    engine: Annotated[str, Opt("--engine", help="local or ray")] = "local",
    workers: Annotated[int, Opt("--workers", "-w", min=1, help="Processes, or actors of Ray, with a model each")] = 1,
    address: Annotated[
        str, Opt("--address", help="Ray cluster, or RAY_ADDRESS. By default one on this computer for the run")
    ] = "",
    batch_size: Annotated[
        int, Opt("--batch-size", min=0, help="Rows that are annotated at once. 0 for the pipeline's batch size")
    ] = 0,
    shard: Annotated[int, Opt("--shard", min=1, help="Maximum number of rows per shard. Ray only aims at it")] = 1000,
    max_length: Annotated[
        int, Opt("--max-length", min=1, help="Longest text in characters. Longer ones fail")
    ] = 1_000_000,
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, if there are several")] = "",
    gpu_id: Annotated[
        int, Opt("--gpu-id", "-g", help="GPU to run on, -1 for the CPU. With Ray, a GPU per worker")
    ] = -1,
) -> None:
    """Find the spans of all rows of SOURCE.

    OUTPUT/shards has the rows as they were, with spans: start and end in characters, label and score. Rows that can't
    be annotated are in OUTPUT/failed.jsonl. OUTPUT/manifest.json counts rows and words. The same command goes on
    where it was stopped. Exit status: 0 if all rows were annotated, 1 if the command was stopped or rows are missing,
    3 if some rows failed.
    """
    import srsly
    from tqdm import tqdm

    from ..annotation.annotator import ModelSettings
    from ..annotation.formats import Fields
    from ..annotation.job import Job, annotate_corpus
    from ..errors import Errors

    def bar(title: str, total: Optional[int], done: int) -> Any:
        # disable=None: no progress bar without a terminal.
        return tqdm(desc=title, total=total, initial=done, unit=" rows", disable=None)

    with clean_errors("Can't annotate"):
        check_folder(output)
        if engine == "local":
            setup_gpu(gpu_id)
        types: Any = None
        if labels is not None:
            try:
                types = srsly.read_json(labels)
            except (OSError, ValueError) as error:
                raise ValueError(Errors.B044.format(path=labels, cause=error)) from None
        job = Job(
            ModelSettings(model, component, types, threshold, max_length, gpu_id),
            source,
            output,
            format=format,
            to=to,
            fields=Fields(text_field, id_field, spans_field),
            by_line=lines,
            engine=engine,
            workers=workers,
            batch_size=batch_size,
            shard=shard,
            address=address,
            show_progress=sys.stderr.isatty(),
        )
        manifest = annotate_corpus(job, bar, msg.info)
    n_failed = manifest["rows_failed"]
    names = ("rows_in", "rows_out", "rows_failed", "words", "words_per_second")
    header = ("Rows in", "Rows out", "Failed", "Words", "Words/s", "Shards")
    figures = [*(manifest[name] for name in names), len(manifest["shards"])]
    msg.table([[f"{n:,.0f}" for n in figures]], header=header, divider=True, aligns=("r",) * len(figures))
    msg.good("Annotated", str(output))
    if n_failed:
        msg.warn(f"Rows that failed, and the reasons, are in {output / 'failed.jsonl'}")
        raise Exit(ROWS_FAILED)
