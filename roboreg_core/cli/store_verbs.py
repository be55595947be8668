"""The verbs `store status`, `store check` and `store collect`."""

from dataclasses import asdict
from typing import Annotated

import typer

from roboreg_core import paths
from roboreg_core.cli.common import Json, print_result, stderr
from roboreg_core.errors import StorageError
from roboreg_core.store.maintenance import Findings
from roboreg_core.user_store import open_store


def store_status(as_json: Json = False) -> None:
    """Show the space used by the store, and how much of it `store collect` can free."""
    store = open_store()
    used = store.usage()
    lines = [f"{name:<11} {space.files:>7,} files {space.bytes / 1e6:>10,.1f} MB" for name, space in used.items()]
    values = {"home": str(store.home), "parts": {name: asdict(space) for name, space in used.items()}}
    print_result(as_json, values, "\n".join([str(store.home), *lines]))


def store_check(
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Move damaged rows and files to the folder set-aside in the home.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the database, all rows and references, and the SHA-256 of every artefact; exit code 1 if one is damaged."""
    try:
        store = open_store()
        found = store.check()
    except StorageError as error:
        found = Findings(checked={}, problems=(str(error),))
    if set_aside and (found.rows or found.files):
        stderr.print(f"damaged rows and files were moved to {store.set_aside(found)}", markup=False)
    problems = found.sentences
    counts = ", ".join(f"{count:,} {table}" for table, count in found.checked.items())
    values = {"home": str(paths.home()), "ok": not problems, "checked": found.checked, "problems": problems}
    print_result(as_json, values, "\n".join(problems) or f"the store is intact: {counts}")
    if problems:
        raise typer.Exit(1)


def store_collect(as_json: Json = False) -> None:
    """Delete expired items and unused files older than an hour; the app keeps unused artefacts for 30 days."""
    store = open_store()
    freed = store.collect()
    values = {"home": str(store.home), "freed": asdict(freed)}
    print_result(as_json, values, f"deleted {freed.files:,} files, {freed.bytes / 1e6:,.1f} MB")
