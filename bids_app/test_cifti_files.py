import gzip
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest

from bids_app.cifti_files import load_image
from bids_app.conftest_images import SERIES_AXIS, cifti, cifti_xml, with_xml
from bids_app.grayordinates import check_axis

_SERIES = cifti(SERIES_AXIS, with_voxels=True)
_XML = cifti_xml(_SERIES)
_DAMAGE = {
    "SeriesExponent": (b'SeriesExponent="0"', b'SeriesExponent="99999999"'),
    "IndexCount": (b'IndexCount="20"', b'IndexCount="2147483647"'),
    "AppliesToMatrixDimension": (b'Dimension="0"', b'Dimension="2147483647"'),
}


def _with(xml: bytes) -> bytes:
    return with_xml(_SERIES)(xml)


@pytest.mark.parametrize("exponent", [0, -3, 2])
def test_good_files_are_read_as_nibabel_reads_them(tmp_path: Path, exponent: int) -> None:
    path = tmp_path / "a.dtseries.nii"
    path.write_bytes(_with(_XML.replace(b'SeriesExponent="0"', b'SeriesExponent="%d"' % exponent)))
    image = load_image(path)
    assert image.header.get_axis(0).step == pytest.approx(2 * 10.0**exponent)
    np.testing.assert_array_equal(image.get_fdata(), nibabel.load(path).get_fdata())


@pytest.mark.parametrize("key", _DAMAGE)
@pytest.mark.parametrize("name", ["a.dtseries.nii", "a.nii", "a.nii.gz"])
def test_numbers_that_would_fill_the_memory_or_take_for_ever_are_refused(tmp_path: Path, key: str, name: str) -> None:
    content = _with(_XML.replace(*_DAMAGE[key]))
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(ValueError, match=f"{key} = [0-9]+ in the description of its axes is impossible"):
        load_image(tmp_path / name)


def test_other_orders_of_bytes_and_other_extensions_before_it(tmp_path: Path) -> None:
    header = nibabel.Nifti2Header(endianness=">")
    image = nibabel.Nifti2Image(np.zeros((1, 1, 1, 1, 2, 2), np.float32), np.eye(4), header)
    for code, content in ((4, b"<AFNI>"), (32, _XML.replace(*_DAMAGE["SeriesExponent"]))):
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(code, content))
    image.to_filename(tmp_path / "a.nii")
    with pytest.raises(ValueError, match="SeriesExponent"):
        load_image(tmp_path / "a.nii")


@pytest.mark.parametrize("rest", [b"", bytes(540), b"\xff" * 700])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_what_is_no_image_is_left_to_nibabel(tmp_path: Path, rest: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x1c\x02\0\0" + rest)
    with pytest.raises(Exception) as expected:
        nibabel.load(tmp_path / name)
    with pytest.raises(expected.type, match=re.escape(str(expected.value))):
        load_image(tmp_path / name)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'Vertices="642"', b'Vertices="2147483647"', "the mesh of .* has 2147483647 vertices"),
        (b'Vertices="642"', b'Vertices="19"', "has vertices that its mesh of 19 does not have"),
        (
            b'Dimensions="2,2,2"',
            b'Dimensions="9999,9999,9999"',
            "9999 voxels is larger than a brain",
        ),
        (b'Dimensions="2,2,2"', b'Dimensions="1,2,2"', "voxels outside its grid of 1 × 2 × 2"),
    ],
)
def test_grayordinates_lie_on_meshes_and_grids_that_there_can_be(
    tmp_path: Path, old: bytes, new: bytes, reason: str
) -> None:
    (tmp_path / "a.dtseries.nii").write_bytes(_with(_XML.replace(old, new)))
    with pytest.raises(ValueError, match=reason):
        check_axis(load_image(tmp_path / "a.dtseries.nii").header.get_axis(1))
    (tmp_path / "a.dtseries.nii").write_bytes(_with(_XML))
    check_axis(load_image(tmp_path / "a.dtseries.nii").header.get_axis(1))
