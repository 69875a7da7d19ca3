"""The results as tables, for the console and for a README."""

from collections.abc import Iterable
from itertools import zip_longest
from statistics import mean, stdev
from typing import Any

from ..table import MISSING, Row, Table
from .systems import OWN, PEERS

Record = dict[str, Any]
TITLES = {"spancat": "`transformer` + `spancat`", "ner": "`transformer` + `ner`"}


class Tables:
    """Makes the tables of what was kept: means over seeds, and standard deviations where there is more than one."""

    def __init__(self, records: Iterable[Record]) -> None:
        """records (Iterable[Record]): The runs. Those that failed are left out."""
        done = sorted((record for record in records if "result" in record), key=order)
        self.compared: dict[str, dict[str, list[Record]]] = {}
        self.changes: dict[str, dict[str, list[Record]]] = {}
        for record in done:
            table = self.changes if record["change"] else self.compared
            table.setdefault(record["dataset"], {}).setdefault(record["system"], []).append(record)

    def all(self) -> list[Table]:
        """RETURNS (list[Table]): The tables that have rows."""
        tables = [self.summary(), self.evaluations(), *map(self.labels, self.compared)]
        tables += map(self.ablations, self.changes)
        return [table for table in tables if table.rows]

    def rows(self) -> list[tuple[Row, list[Record]]]:
        """RETURNS (list): Dataset and system, and the runs, for each row of the tables of all datasets."""
        return [
            ([dataset, TITLES.get(system, f"`{system}`")], runs)
            for dataset, systems in self.compared.items()
            for system, runs in systems.items()
        ]

    def summary(self) -> Table:
        """RETURNS (Table): The scores on the test parts."""
        header = ["Dataset", "System", "Seeds", "P", "R", "F1", "Macro F1", "Nested R", "Dev F1", "Training", "Steps"]
        rows = []
        for names, runs in self.rows():
            row = [*names, str(len(runs))]
            for name in ("p", "r", "f", "macro_f", "nested_r"):
                row.append(percent([(run["result"]["test"] or {}).get(name) for run in runs]))
            row.append(percent([run["result"]["dev"]["f"] for run in runs]))
            row.append(f"{mean(map(seconds, runs)):,.0f} s")
            row.append(f"{mean(run['result']['steps'] for run in runs):,.0f}")
            rows.append(row)
        note = (
            "Borders and label of a span have to be those of the gold span. All pipelines get the gold tokens, and no "
            "sentences. The best pipeline on the development part is scored on the test part, once. Means and standard "
            "deviations over seeds. Macro F1: the mean of the labels' F1. Nested R: recall of gold spans inside or "
            "around another one. Training: time of the updates, evaluations not included. The pipelines of spaCy's own "
            f"components are trained for as long as `{OWN[0]}` with the same seed, on the same encoder, and evaluated "
            "as often."
        )
        return Table("Accuracy", header, rows, note)

    def evaluations(self) -> Table:
        """RETURNS (Table): F1 on development data in the course of training."""
        rows = []
        for names, runs in self.rows():
            courses = [[row["f"] for row in run["result"]["evaluations"]] for run in runs]
            # A run that has ended says nothing of later ones.
            means = [mean(f for f in column if f is not None) for column in zip_longest(*courses)]
            best = [[row["macro_f"] for row in run["result"]["evaluations"]] for run in runs]
            rows.append([*names, ", ".join(f"{100 * f:.1f}" for f in means), percent(map(max, best))])
        header = ["Dataset", "System", "Dev F1 by evaluation", "Best macro F1"]
        return Table("Development scores", header, rows, "Means over seeds, at equal distances, the last at the end.")

    def labels(self, dataset: str) -> Table:
        """RETURNS (Table): F1 of each label of a dataset, on the test part if it was looked at."""
        systems = self.compared[dataset]
        tested = all(run["result"]["test"] for runs in systems.values() for run in runs)
        part = "test" if tested else "dev"
        counts: dict[str, int] = {}
        for runs in systems.values():
            for label, scores in runs[0]["result"][part]["labels"].items():
                counts[label] = scores["gold"]
        rows = []
        for label, count in sorted(counts.items(), key=lambda item: -item[1]):
            row = [label, f"{count:,}"]
            for runs in systems.values():
                row.append(percent([run["result"][part]["labels"].get(label, {}).get("f") for run in runs]))
            rows.append(row)
        header = ["Label", "Gold spans", *(TITLES.get(system, f"`{system}`") for system in systems)]
        return Table(f"F1 by label: {dataset}, {part}", header, rows, "Means and standard deviations over seeds.")

    def ablations(self, dataset: str) -> Table:
        """RETURNS (Table): What each change does on a dataset's development part, and what it costs."""
        rows = []
        changes = self.changes[dataset]
        for base in dict.fromkeys(runs[0]["base"] for runs in changes.values()):
            given = {run["seed"]: run for run in self.compared.get(dataset, {}).get(base, [])}
            if given:
                rows.append([f"`{base}`", "", *self.cost(list(given.values()), given)])
            for name, runs in changes.items():
                if runs[0]["base"] == base:
                    what = "; ".join(f"`{key}` = `{value}`" for key, value in runs[0]["overrides"].items())
                    rows.append([name, what, *self.cost(runs, given)])
        header = ["Change", "What", "Seeds", "Dev F1", "Spread", "Difference", "Training", "To base"]
        note = (
            "F1 on the development part, means and standard deviations over seeds, and from the least to the greatest. "
            "Difference, and training time as a ratio: to the base with the same seeds."
        )
        return Table(f"Changes: {dataset}", header, rows, note)

    def cost(self, runs: list[Record], given: dict[int, Record]) -> Row:
        """RETURNS (list[str]): Seeds, F1, its range, and what differs from runs of the base with the same seed."""
        scores = [run["result"]["dev"]["f"] for run in runs]
        pairs = [(run, given[run["seed"]]) for run in runs if run["seed"] in given]
        pairs = [(run, base) for run, base in pairs if run is not base]
        row = [str(len(runs)), percent(scores), f"{100 * min(scores):.1f}-{100 * max(scores):.1f}"]
        differences = [run["result"]["dev"]["f"] - base["result"]["dev"]["f"] for run, base in pairs]
        row.append(percent(differences, sign="+") if pairs else MISSING)
        row.append(f"{mean(map(seconds, runs)):,.0f} s")
        row.append(f"{mean(seconds(run) / seconds(base) for run, base in pairs):.2f}" if pairs else MISSING)
        return row


def seconds(run: Record) -> float:
    """RETURNS (float): How long a run was trained."""
    return run["result"]["training_seconds"]


def order(record: Record) -> tuple[str, int, str, int]:
    """RETURNS (tuple): Where a record comes: our systems first, peers last."""
    known = [*OWN, *sorted(PEERS)]
    own = record["system"] in known
    place = known.index(record["system"]) if own else len(OWN)
    return record["dataset"], place, record["system"], record["seed"]


def percent(values: Iterable[float | None], sign: str = "") -> str:
    """RETURNS (str): Mean and, of more than one value, standard deviation of percentages of 1."""
    known = [100 * value for value in values if value is not None]
    if not known:
        return MISSING
    spread = f" ± {stdev(known):.1f}" if len(known) > 1 else ""
    return f"{mean(known):{sign}.1f}{spread}"
