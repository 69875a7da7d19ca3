"""The measurements as tables, for the console and for a README."""

from statistics import median
from typing import Any

from ..machine import has_bfloat16
from ..table import FAILED, MISSING, Row, Table
from .plan import SHORT, Plan

Result = dict[str, Any]

PEERS = {"spancat": "`transformer` + `spancat`", "gliner": "GLiNER, bi-encoder"}


class Tables:
    """Makes the tables of what was measured. What failed says so in its cells; what wasn't measured has a dash."""

    def __init__(self, plan: Plan, parts: dict[str, Result], machine: dict[str, Any]) -> None:
        """
        plan (Plan): What was to be measured.
        parts (dict): What was kept of each part, by its name.
        machine (dict): What it was measured on.
        """
        self.plan = plan
        self.parts = parts
        self.machine = machine
        self.on = f"On {threads(plan.threads[0])}."

    def all(self) -> list[Table]:
        """RETURNS (list[Table]): The tables of which anything was measured."""
        length = "The same words in all, in documents of this length."
        batch = f"Documents of at most {SHORT} words, `nlp.pipe(batch_size=...)`."
        tables = [
            self.modes(),
            self.training(),
            self.labels(),
            self.sweep("length", self.plan.lengths, "Length of documents", length),
            self.sweep("batch", self.plan.batch_sizes, "Batch size", batch),
            self.equality(),
            self.long(),
            self.startup(),
            self.peers(),
        ]
        for table in tables:
            table.rows = [row for row in table.rows if {*row[1:]} != {MISSING}]
        return [table for table in tables if table.rows]

    def result(self, name: str) -> Result | None:
        """RETURNS (dict): The result of a part, if there is one."""
        return self.parts.get(name, {}).get("result")

    def blank(self, name: str, n: int) -> Row:
        """RETURNS (list[str]): The cells of a part that has no result."""
        return [FAILED if name in self.parts else MISSING] * n

    def mode(self, name: str) -> str:
        """RETURNS (str): The name of a mode, marked if the processor isn't made for it."""
        return name + "*" * ("bfloat16" in name and not has_bfloat16(self.machine))

    def memory(self, peak: float, name: str) -> Row:
        """RETURNS (list[str]): A peak, and its ratio to that of another part."""
        other = self.result(name)
        return [mib(peak), f"{peak / other['peak_rss_mib']:.2f}" if other else MISSING]

    def modes(self) -> Table:
        """RETURNS (Table): Speed, F1 and memory of each mode."""
        header = ["Mode"]
        for n in self.plan.threads:
            header += [f"Ratio, {threads(n)}", f"Words/s, {threads(n)}"]
        header += ["F1, dev", "to float32", "Peak RSS", "to bare"]
        float32 = self.result("scores-float32")
        rows = []
        for mode in self.plan.modes:
            row = [self.mode(mode)]
            for n in self.plan.threads:
                result = self.result(name := f"ratio-{mode}-{n}t")
                row += speed(result, "pipe") if result else self.blank(name, 2)
            if scores := self.result(name := f"scores-{mode}"):
                difference = f"{100 * (scores['f'] - float32['f']):+.1f}" if float32 else MISSING
                row += [f"{100 * scores['f']:.1f}", difference]
            else:
                row += self.blank(name, 2)
            result = self.result(name := f"ratio-{mode}-{self.plan.threads[0]}t")
            row += self.memory(result["pipe_peak_rss_mib"], "memory-bare") if result else self.blank(name, 2)
            rows.append(row)
        bare = self.result("memory-bare")
        note = (
            "Words a second of `nlp.pipe` over those of the bare encoder in float32, measured in turn: median and "
            f"range of {self.plan.runs}. A process with the bare encoder alone, which imports spaCy to read the "
            f"documents, has a peak of {mib(bare['peak_rss_mib']) if bare else MISSING}."
        )
        if any(self.mode(mode) != mode for mode in self.plan.modes):
            note += " *This processor has no bfloat16 units."
        return Table("Modes", header, rows, note)

    def training(self) -> Table:
        """RETURNS (Table): Cost and memory of a training step."""
        rows = []
        for kind in self.plan.training:
            for n in self.plan.threads:
                row = [f"{'mixed precision' if kind == 'mixed' else kind}, {threads(n)}"]
                if result := self.result(name := f"training-{kind}-{n}t"):
                    row.append(spread(result["cost"]))
                    row += [f"{1000 * median(result['seconds'][side]):,.0f} ms" for side in ("update", "bare")]
                    row += self.memory(result["update_peak_rss_mib"], f"training-bare-{n}t")
                else:
                    row += self.blank(name, 5)
                rows.append(row)
        header = ["Training", "Cost", "Step", "Bare encoder", "Peak RSS", "to bare"]
        note = (
            "Time of `nlp.update` on 8 windows of up to 128 wordpieces, with dropout, both encoders and the optimizer, "
            "over that of the bare text encoder's forward and backward pass in float32 over the same windows."
        )
        return Table("Training step", header, rows, note)

    def labels(self) -> Table:
        """RETURNS (Table): Speed and memory by number of labels."""
        rows = []
        for mode in self.plan.label_modes:
            of_mode = f" ({self.mode(mode)})" * (len(self.plan.label_modes) > 1)
            results = [self.result(f"labels-{mode}-{count}") for count in self.plan.label_counts]
            own = next((result for result in results if result), None)
            memory = self.result(f"ratio-{mode}-{self.plan.threads[0]}t")
            if own:
                peak = mib(memory["pipe_peak_rss_mib"]) if memory else MISSING
                words = f"{own['words_per_second']['own']:,.0f}"
                rows.append([f"{own['own_labels']}{of_mode}", words, "1", MISSING, peak])
            for count, result in zip(self.plan.label_counts, results, strict=True):
                row = [f"{count:,}{of_mode}"]
                if result:
                    row += [f"{result['words_per_second']['all']:,.0f}", spread(result["ratio"]["all"])]
                    row += [f"{result['encoding_seconds']:.2f} s", mib(result["peak_rss_mib"])]
                else:
                    row += self.blank(f"labels-{mode}-{count}", 4)
                rows.append(row)
        header = ["Labels", "Words/s", "to own labels", "Encoding the added ones", "Peak RSS"]
        note = "Each label has a description of its own. They are encoded once, before the clock."
        return Table("Number of labels", header, rows, f"{note} {self.on}")

    def sweep(self, kind: str, points: list[int], title: str, note: str) -> Table:
        """RETURNS (Table): Speed by length or by batch size, for each mode."""
        header = ["Words a document" if kind == "length" else "Documents a batch"]
        for mode in map(self.mode, self.plan.modes):
            header += [f"Ratio, {mode}", f"Words/s, {mode}"]
        rows = []
        for point in points:
            row = [f"{point:,}"]
            for mode in self.plan.modes:
                result = self.result(name := f"sweeps-{mode}")
                row += speed(result[kind], str(point)) if result else self.blank(name, 2)
            rows.append(row)
        return Table(title, header, rows, f"{note} Ratios are to the bare encoder. {self.on}")

    def equality(self) -> Table:
        """RETURNS (Table): What changes with the batch size."""
        rows = []
        for row in (self.result("scores-float32") or {"equality": []})["equality"]:
            kind = f"of at most {row['cut_at']} words" if row["cut_at"] else "whole"
            equal = f"no, {row['in_one_alone']} in one alone" if row["in_one_alone"] else "yes"
            sizes = [str(row["batch_size"]), f"{row['spans']:,}"]
            rows.append([f"{row['docs']}, {kind}", *sizes, equal, f"{row['difference']:.1e}"])
        header = ["Documents", "Batch size", "Spans", "The same as at 32", "Greatest difference of a score"]
        return Table("Equality of batches", header, rows, f"In float32. {self.on}")

    def long(self) -> Table:
        """RETURNS (Table): Memory over a long stream and a long document."""
        rows = []
        if stream := self.result("long-stream"):
            rss = [f"{mib(stream['rss_mib'][0])} after a tenth", mib(stream["rss_mib"][-1])]
            words = f"{stream['words']:,}"
            rows.append([f"{stream['docs']:,} documents", words, *rss, mib(stream["peak_rss_mib"])])
        if doc := self.result("long-document"):
            rss = [f"{mib(doc['loaded_rss_mib'])} before", mib(doc["rss_mib"])]
            rows.append(["1 document", f"{doc['words']:,}", *rss, mib(doc["peak_rss_mib"])])
        header = ["Input", "Words", "RSS", "RSS at the end", "Peak RSS"]
        return Table("Long input", header, rows, f"In float32. {self.on}")

    def startup(self) -> Table:
        """RETURNS (Table): Time of spacy.blank."""
        result = self.result("startup") or {"rows": [], "imports_torch": False}
        rows = []
        for row in result["rows"]:
            seen = f"all but those of {' and '.join(row['hidden'])}" if row["hidden"] else "all"
            least, most = 1000 * min(row["seconds"]), 1000 * max(row["seconds"])
            rows.append([seen, f"{1000 * median(row['seconds']):,.0f} ms", f"{least:,.0f}-{most:,.0f} ms"])
        note = (
            f'`spacy.blank("en")` after `import spacy`, {self.plan.startup_runs} processes each. '
            f"`import spacy_binder` imports {'torch' if result['imports_torch'] else 'no torch'}."
        )
        return Table("Start-up", ["Entry points", "Median", "Range"], rows, note)

    def peers(self) -> Table:
        """RETURNS (Table): Speed of other ways to find spans."""
        rows = []
        own = self.result("sweeps-float32")
        for size in self.plan.peer_sizes:
            row = [f"`binder_ner`, batches of {size}"]
            rows.append(row + (speed(own["batch"], str(size)) if own else self.blank("sweeps-float32", 2)))
        for peer, title in PEERS.items():
            for size in self.plan.peer_sizes:
                result = self.result(name := f"peers-{peer}")
                row = [f"{title}, batches of {size}"]
                rows.append(row + (speed(result, str(size)) if result else self.blank(name, 2)))
        note = (
            f"The same encoder in float32, documents of at most {SHORT} words. The others are untrained and made to "
            f"find nothing. Ratios are to the bare encoder. {self.on}"
        )
        return Table("Peers", ["Pipeline", "Ratio", "Words/s"], rows, note)


def threads(n: int) -> str:
    """RETURNS (str): A number of threads."""
    return f"{n} thread{'s' * (n > 1)}"


def spread(values: dict[str, float]) -> str:
    """RETURNS (str): Median and range."""
    return f"{values['median']:.2f} ({values['min']:.2f}-{values['max']:.2f})"


def speed(result: Result, side: str) -> Row:
    """RETURNS (list[str]): The ratio of one side to the bare encoder, and the words a second of both."""
    words = result["words_per_second"]
    return [spread(result["ratio"][side]), f"{words[side]:,.0f} of {words['bare']:,.0f}"]


def mib(value: float) -> str:
    """RETURNS (str): An amount of memory."""
    return f"{value:,.0f} MiB"
