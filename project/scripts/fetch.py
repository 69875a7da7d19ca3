"""Download the assets of some datasets. `spacy project assets --extra` downloads those of all."""

from pathlib import Path
from typing import Annotated, Any

import typer
from wasabi import msg
from weasel.cli.assets import fetch_asset
from weasel.util import get_checksum, load_project_config

PROJECT = Path(__file__).resolve().parents[1]


def main(datasets: Annotated[list[str], typer.Argument(help="Folders of assets/.")], project: Path = PROJECT) -> None:
    """Download what is not there yet of the assets of DATASETS, and say what it is before."""
    listed = load_project_config(project)["assets"]
    missing: list[dict[str, Any]] = []
    rows = []
    for name in datasets:
        assets = [asset for asset in listed if asset["dest"].startswith(f"assets/{name}/")]
        if not assets:
            msg.fail(f"No asset is listed in assets/{name}", exits=1)
        of_dataset = [asset for asset in assets if not is_there(project, asset)]
        rows.append((name, len(assets), len(of_dataset)))
        missing += of_dataset
    msg.table(rows, header=("Dataset", "Files", "To download"), divider=True, aligns=("l", "r", "r"))
    for asset in missing:
        if "url" in asset:
            download(project, asset)
    left = [asset["dest"] for asset in missing if not is_there(project, asset)]
    if left:
        shown = ", ".join(left[:5])
        msg.fail(
            f"{len(left)} of {len(missing)} files are missing or damaged", f"Run it again. They are: {shown}", exits=1
        )
    msg.good(f"All files are there. {len(missing)} were downloaded.")


def download(project: Path, asset: dict[str, Any]) -> None:
    """Download the file of an asset. Say so if it fails, and leave nothing of it behind."""
    path = project / asset["dest"]
    # A damaged file would be kept.
    path.unlink(missing_ok=True)
    try:
        fetch_asset(project, asset["url"], asset["dest"], asset.get("checksum"))
    except OSError as error:
        msg.fail(f"Download failed: {asset['dest']}", str(error))
        path.unlink(missing_ok=True)


def is_there(project: Path, asset: dict[str, Any]) -> bool:
    """RETURNS (bool): Whether the file of an asset is there, with its checksum if it has one."""
    path = project / asset["dest"]
    return path.exists() and asset.get("checksum") in (None, "", get_checksum(path))


if __name__ == "__main__":
    typer.run(main)
