"""A table of results, for the console and for a README."""

from dataclasses import dataclass

from rich.table import Table as RichTable

Row = list[str]

MISSING = "-"


@dataclass
class Table:
    """A table: its title, the names of its columns, its rows, and what is to be known to read it."""

    title: str
    header: Row
    rows: list[Row]
    note: str

    def markdown(self) -> str:
        """RETURNS (str): The table in Markdown."""
        lines = [f"### {self.title}", "", f"| {' | '.join(self.header)} |"]
        lines.append("|---|" + "---:|" * (len(self.header) - 1))
        lines += [f"| {' | '.join(row)} |" for row in self.rows]
        return "\n".join([*lines, "", self.note, ""])

    def rich(self) -> RichTable:
        """RETURNS (rich.table.Table): The table for the console."""
        table = RichTable(title=self.title, caption=self.note)
        for i, name in enumerate(self.header):
            table.add_column(name, justify="right" if i else "left")
        for row in self.rows:
            table.add_row(*row)
        return table
