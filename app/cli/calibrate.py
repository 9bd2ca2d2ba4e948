"""`firstmate calibrate RESULTS… --truth DIR [--out FILE]`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.domain.errors import BadInput
from app.evaluation import calibrate as fitting


def calibrate(
    results: Annotated[
        list[Path], typer.Argument(help="What firstmate eval wrote, whole or with --lose.", exists=True, dir_okay=False)
    ],
    truth: Annotated[Path, typer.Option(help="The folder of truth files.", exists=True, file_okay=False)],
    out: Annotated[Path | None, typer.Option(help="Where the calibration goes; only shown without.")] = None,
    reserve: Annotated[
        float, typer.Option(help="The share of sure answers expected to be wrong on systems never seen.", min=0, max=0.5)
    ] = 0.03,
) -> None:
    """Fit what odds are worth to results whose truth is known."""
    try:
        held = fitting.forecasts(results, truth)
    except (OSError, ValueError) as error:
        raise BadInput(f"the results, or a file below {truth}, can't be read ({error}); mend it and try again") from error
    made = fitting.fitted(held, reserve=reserve)
    console = Console(highlight=False)
    console.print(
        f"{len(held)} answers: intercept {made.calibration.intercept:g}, slope {made.calibration.slope:g}, reserve {reserve:g}"
    )
    console.print(f"calibration error on culprits left out {made.folds.error:.3f}, Brier score {made.folds.brier:.3f}")
    if made.sources is not None:
        console.print(f"calibration error on sources left out {made.sources.error:.3f}, Brier score {made.sources.brier:.3f}")
    if out is not None:
        try:
            out.write_text(made.calibration.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
        except OSError as error:
            raise BadInput(f"--out {out} can't be written ({error.strerror}); name a file in a folder that is there") from error
        console.print(f"written to {out}", markup=False)


VERB = calibrate
