"""NIfTI in and out, world coordinates kept exactly.

A NIfTI array is indexed (i, j, k) and its affine maps to RAS (x to the right, y to the front). A Volume is indexed
(slice, row, column) = (k, j, i) and lives in LPS. So the array is transposed, the affine's columns are swapped with it
and its x and y change sign: each voxel keeps its place in the patient, nothing is resampled.

Standard: NIfTI-1 (Cox et al. 2004), methods 1-3 of orientation.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Source
from radcnn.core.errors import GeometryError, InputError, ReadError
from radcnn.core.files import write_bytes
from radcnn.core.volume import Frame, Volume
from radcnn.data.kind import HEAD, head_of
from radcnn.data.quiet import quiet

if TYPE_CHECKING:
    from nibabel import Nifti1Image

MAX_UNPACKED_BYTES = 4 << 30  # of the array as stored; a whole-body CT has 1 GiB
DISAGREEMENT_MM = 0.1  # sform and qform may differ by rounding; a tenth of a millimetre is less than any voxel
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
IJK_TO_KJI = [2, 1, 0, 3]
UNIT_MM = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}
COMPRESSION = 4  # gzip level: within 3 % of the default's size at a third of its time


def read_nifti(source: Source) -> Volume:
    """A NIfTI-1 or NIfTI-2 file, plain or gzipped, as Volume (1, H, W) or (1, D, H, W); units "arbitrary".

    Stored numbers keep their type; where the header scales them they become float32. An affine from sform or qform
    gives frame "patient", spacings alone give "image". Raises ReadError when the file is damaged, too large or holds
    several frames; GeometryError when sform and qform disagree.
    """
    path = source.path
    with quiet():
        try:
            with _stream(path) as stream:
                image = _opened(path, stream)
                _refuse(path, image)
                array = _array(image)
                affine, frame = _placed(path, image)
        except (ReadError, GeometryError):
            raise
        except Exception as cause:
            # nibabel, gzip and zlib fail in many ways on damaged bytes
            raise ReadError(f"{path.name} is damaged or truncated, no NIfTI image; copy it again") from cause
    voxels = np.ascontiguousarray(array.reshape(array.shape[: min(array.ndim, 3)]).transpose())[None]
    return Volume(voxels, affine, "arbitrary", frame)


def _stream(path: Path) -> io.BufferedReader:
    """The file's bytes, unpacked on the way where it is gzipped; no more is unpacked than is read."""
    if head_of(path).startswith(b"\x1f\x8b"):
        return io.BufferedReader(gzip.open(path))
    return path.open("rb")


def _opened(path: Path, stream: io.BufferedReader) -> Nifti1Image:
    """The image with its header read; its numbers are read later from the same stream."""
    import nibabel

    head = stream.peek(HEAD)
    if head[344:348] == b"ni1\0" or head[4:8] == b"ni2\0":
        raise ReadError(f"{path.name} keeps its voxels in a second file (.img); convert the pair to one .nii.gz file")
    form = nibabel.Nifti2Image if head[4:8] == b"n+2\0" else nibabel.Nifti1Image
    return form.from_stream(stream)


def _refuse(path: Path, image: Nifti1Image) -> None:
    """Raise ReadError for what is not one gray image of a bounded size."""
    shape, dtype = image.shape, image.get_data_dtype()
    if dtype.kind not in "iuf":
        raise ReadError(f"{path.name} holds {dtype} voxels; only whole and floating-point numbers are read")
    if len(shape) < 2 or 0 in shape:
        raise ReadError(f"{path.name} has no image: its array has shape {tuple(shape)}")
    frames = int(np.prod(shape[3:], dtype=np.int64))
    if frames > 1:
        raise ReadError(
            f"{path.name} holds {frames} frames (time points or channels), one is read; save each frame as a file"
        )
    size = dtype.itemsize * int(np.prod([int(n) for n in shape], dtype=object))
    if size > MAX_UNPACKED_BYTES:
        raise ReadError(
            f"{path.name} unpacks to {size / 2**30:.1f} GiB; at most {MAX_UNPACKED_BYTES >> 30} GiB are read, "
            "crop or resample it"
        )


def _array(image: Nifti1Image) -> NDArray:
    """Voxels (i, j[, k, ...]) in native byte order; float32 where the header scales them."""
    proxy: Any = image.dataobj
    if (proxy.slope, proxy.inter) == (1, 0):
        stored: NDArray = np.asarray(proxy.get_unscaled())
        return stored.astype(stored.dtype.newbyteorder("="), copy=False)
    return np.asarray(proxy, dtype=np.float32)


def _placed(path: Path, image: Nifti1Image) -> tuple[NDArray[np.float64] | None, Frame]:
    """The affine in LPS for (slice, row, column), and how much it knows."""
    header = image.header
    scale = UNIT_MM[header.get_xyzt_units()[0]]
    sform, qform = image.get_sform(coded=True)[0], _qform(path, image)
    if sform is not None and qform is not None:
        _refuse_disagreement(path, image.shape, sform, qform, scale)
    ras = sform if sform is not None else qform
    if ras is None:
        # 0.7 mm is stored as the float32 0.69999999: the shortest decimal that gives these bits is what was meant
        zooms = np.array([float(str(zoom)) for zoom in (*header.get_zooms()[:3], 1.0)][:3]) * scale
        if not np.isfinite(zooms).all() or (zooms <= 0).any():
            return None, "unknown"
        # no orientation is given: slices along z, rows along y, columns along x
        return np.diag([*zooms, 1.0])[:, IJK_TO_KJI], "image"
    in_mm = np.diag([scale, scale, scale, 1.0]) @ ras
    return (RAS_TO_LPS @ in_mm)[:, IJK_TO_KJI], "patient"


def _qform(path: Path, image: Nifti1Image) -> NDArray[np.float64] | None:
    try:
        found: NDArray[np.float64] | None = image.get_qform(coded=True)[0]
    except Exception as cause:
        raise GeometryError(f"{path.name} has a qform that is no rotation; correct its header") from cause
    return found


def _refuse_disagreement(path: Path, shape: tuple[int, ...], sform: NDArray, qform: NDArray, scale: float) -> None:
    """Raise GeometryError when sform and qform place a corner of the image differently."""
    ends = [(0, n - 1) for n in (*shape[:3], 1)[:3]]
    corners = np.array(np.meshgrid(*ends)).reshape(3, -1)
    apart = (sform - qform)[:3, :3] @ corners + (sform - qform)[:3, 3:]
    most = float(np.linalg.norm(apart, axis=0).max()) * scale
    if not most <= DISAGREEMENT_MM:
        raise GeometryError(
            f"{path.name} says twice where it lies, and its sform and qform differ by up to {most:.1f} mm; "
            "delete the wrong one (set its code to 0)"
        )


def write_nifti(volume: Volume, path: Path | str) -> None:
    """Write a Volume of one channel as NIfTI-1 (.nii or .nii.gz), atomically.

    Voxels come back bit for bit (booleans as bytes, float16 as float32). NIfTI-1 stores the affine of frame "patient"
    in float32, and of frame "image" only the spacings.

    Raises InputError when the name does not end in .nii or .nii.gz, GeometryError when the spacing is unknown or there
    are several channels, StorageError when the file cannot be written.
    """
    path = Path(path)
    if not path.name.endswith((".nii", ".nii.gz")):
        raise InputError(f"{path.name} must end in .nii or .nii.gz to be written as NIfTI")
    content = _packed(path.name, volume)
    if path.name.endswith(".gz"):
        content = gzip.compress(content, COMPRESSION, mtime=0)
    write_bytes(path, content)


def _packed(name: str, volume: Volume) -> bytes:
    """The bytes of a .nii file."""
    import nibabel

    if volume.affine is None:
        raise GeometryError(f"{name}: the spacing of this image is unknown, and NIfTI cannot say so; save it as npz")
    if volume.channels != 1:
        raise GeometryError(f"{name}: NIfTI is written with one channel, got {volume.channels}; write each by itself")
    stored = {np.dtype(bool): np.uint8, np.dtype(np.float16): np.float32}.get(volume.voxels.dtype)
    voxels = volume.voxels[0].astype(stored or volume.voxels.dtype, copy=False).transpose()
    ras = RAS_TO_LPS @ volume.affine[:, IJK_TO_KJI]
    image = nibabel.Nifti1Image(voxels, ras, dtype=voxels.dtype)
    image.header.set_xyzt_units("mm")
    code = 1 if volume.frame == "patient" else 0
    image.set_sform(ras, code)
    image.set_qform(ras if _is_rotation(ras) else None, code if _is_rotation(ras) else 0)
    content: bytes = image.to_bytes()
    return content


def _is_rotation(affine: NDArray[np.float64]) -> bool:
    """Whether the axes are at right angles, so that a qform can say the same."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.allclose(axes.T @ axes, np.eye(3), atol=1e-6))
