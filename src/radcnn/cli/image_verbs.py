"""The verbs that read, make or simulate images; `main` enters them into the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radcnn.cli.console import Voice, one_sentence, show
from radcnn.cli.options import AsJson, Quiet


def read(
    path: Annotated[Path, typer.Argument(help="An image, or a folder with a DICOM series.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", help="A .nii or .nii.gz file to write it to.", show_default=False)
    ] = None,
    series: Annotated[
        str | None, typer.Option("--series", help="Which DICOM series: number, UID or rule.", show_default=False)
    ] = None,
    item: Annotated[
        int | None, typer.Option("--item", min=0, help="Frame, time point or item, from 0.", show_default=False)
    ] = None,
    array: Annotated[
        str | None, typer.Option("--array", help="Which array of an npz file.", show_default=False)
    ] = None,
    allow_gaps: Annotated[bool, typer.Option("--allow-gaps", help="Fill missing DICOM slices.")] = False,
    voi: Annotated[bool, typer.Option("--voi", help="Apply the VOI LUT of a DICOM radiograph.")] = False,
    allow_nonfinite: Annotated[bool, typer.Option("--allow-nonfinite", help="Take NaN and infinity.")] = False,
    as_json: AsJson = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Read an image as a study would, say where it lies and what was noticed; --out writes it as NIfTI."""
    with one_sentence():
        from radcnn.cli.images import read_json, read_text
        from radcnn.core.case import Source
        from radcnn.data.read import read_and_write

        source = Source(path, array, item, series or "", allow_gaps, voi)
        found = read_and_write(source, out=out, allow_nonfinite=allow_nonfinite)
        show(read_json(found), read_text(found), as_json=as_json)
        if out is not None and not quiet and not as_json:
            typer.echo(f"wrote {out}")


def mask(
    path: Annotated[Path, typer.Argument(help="A DICOM SEG or RTSTRUCT, or a mask as an image.", show_default=False)],
    image: Annotated[Path, typer.Argument(help="Its image, or the folder of its series.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", help="A .nii or .nii.gz file to write it to.", show_default=False)
    ] = None,
    segment: Annotated[
        str | None, typer.Option("--segment", help="One segment alone, by number or name.", show_default=False)
    ] = None,
    overlap: Annotated[str, typer.Option("--overlap", help="'refuse', or 'higher' number wins.")] = "refuse",
    series: Annotated[
        str | None, typer.Option("--series", help="Which series of the image's folder.", show_default=False)
    ] = None,
    as_json: AsJson = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Put a mask onto the voxels of its image, or say by how many millimetres it does not fit."""
    with one_sentence():
        from radcnn.cli.images import mask_json, mask_text
        from radcnn.data.masks.placed import mask as place_mask

        found = place_mask(path, image, segment=segment, overlap=overlap, series=series, out=out)  # type: ignore[arg-type]
        show(mask_json(found), mask_text(found), as_json=as_json)
        if out is not None and not quiet and not as_json:
            typer.echo(f"wrote {out}")


def lowdose(
    path: Annotated[Path, typer.Argument(help="A CT: a DICOM series' folder, or a file.", show_default=False)],
    dose: Annotated[float, typer.Option("--dose", help="Share of its dose.")] = 0.25,
    out: Annotated[
        Path | None, typer.Option("--out", help="A .nii or .nii.gz file to write it to.", show_default=False)
    ] = None,
    kernel: Annotated[str, typer.Option("--kernel", help="How sharp the scan is: soft, sharp, ramp ...")] = "soft",
    series: Annotated[
        str | None, typer.Option("--series", help="Which DICOM series: number, UID or rule.", show_default=False)
    ] = None,
    hu: Annotated[bool, typer.Option("--hu", help="The file's values are HU, though it does not say so.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the noise.")] = 0,
    as_json: AsJson = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """A CT scan as a lower dose would have shown it: noise is made in the line integrals, calibrated by its own."""
    with one_sentence():
        from radcnn.cli.images import lowered_json, lowered_text
        from radcnn.study.lowdose import lowdose as lower

        voice = Voice(quiet=quiet)
        found = lower(path, dose=dose, out=out, kernel=kernel, series=series, hu=hu, seed=seed, listener=voice)
        show(lowered_json(found, dose), lowered_text(found, dose), as_json=as_json)
        if out is not None and not quiet and not as_json:
            typer.echo(f"wrote {out}")


def reconstruct(
    path: Annotated[Path, typer.Argument(help="An npz file with a sinogram and its angles.", show_default=False)],
    method: Annotated[str, typer.Option("--method", help="fbp, sirt, cgls or tv.")] = "fbp",
    size: Annotated[int | None, typer.Option("--size", min=1, help="Pixels a side.", show_default=False)] = None,
    pixel_mm: Annotated[
        float | None, typer.Option("--pixel-mm", help="Their size.", show_default=False)
    ] = None,
    kernel: Annotated[str, typer.Option("--kernel", help="Of fbp: ramp, hann, soft, sharp ...")] = "ramp",
    iterations: Annotated[
        int | None, typer.Option("--iterations", min=1, help="Of sirt, cgls and tv.", show_default=False)
    ] = None,
    weight: Annotated[
        float | None, typer.Option("--weight", help="Of total variation.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A .nii or .nii.gz file to write it to.", show_default=False)
    ] = None,
    as_json: AsJson = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """An image in HU from a measured sinogram, and how far it is from what was measured."""
    with one_sentence():
        from radcnn.cli.images import reconstructed_text
        from radcnn.study.reconstructing import reconstruct as reconstruct_image

        made = reconstruct_image(
            path, method=method, size=size, pixel_mm=pixel_mm, kernel=kernel, iterations=iterations, weight=weight,
            out=out, listener=Voice(quiet=quiet),
        )  # fmt: skip
        show(made.as_json(), reconstructed_text(made), as_json=as_json)
        if out is not None and not quiet and not as_json:
            typer.echo(f"wrote {out}")


def simulate(
    name: Annotated[
        str,
        typer.Argument(
            help="nodules, chest, dose-pairs, ellipses, breast, prostate, uterus, abdomen or neuropil.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="A new folder; simulated-NAME by default.", show_default=False)
    ] = None,
    patients: Annotated[
        int | None, typer.Option("--patients", min=1, help="How many.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.")] = 0,
    certificate: Annotated[
        bool, typer.Option("--certificate", help="Say what simple ways reach on it.")
    ] = False,
    as_json: AsJson = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """A simulated study on the disk, as your own would be; --certificate says how hard it is."""
    with one_sentence():
        from radcnn.study.simulating import simulate as simulate_study

        voice = Voice(quiet=quiet)
        made = simulate_study(name, out=out, patients=patients, seed=seed, certificate=certificate, listener=voice)
        show(made.as_json(), made.certificate or f"wrote {made.folder}", as_json=as_json)
        if not as_json:
            typer.echo(f"next: {' '.join(made.next)}")


IMAGE_VERBS = (read, mask, lowdose, reconstruct, simulate)
