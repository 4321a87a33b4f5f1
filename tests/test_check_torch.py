import runpy
from pathlib import Path

import pytest

problem = runpy.run_path(str(Path(__file__).resolve().parents[1] / "docker" / "check_torch.py"))["problem"]


@pytest.mark.parametrize(("variant", "cuda"), [("cpu", None), ("cuda", "13.0"), ("", None), ("", "13.0")])
def test_a_torch_of_the_variant_is_taken(variant, cuda):
    assert problem(variant, cuda) is None


@pytest.mark.parametrize(
    ("variant", "cuda", "message"),
    [("cpu", "13.0", "TORCH_INDEX=URL"), ("cuda", None, "leave out other sources"), ("rocm", None, "one of cpu, cuda")],
)
def test_another_torch_stops_the_build_with_advice(variant, cuda, message):
    assert message in problem(variant, cuda)
