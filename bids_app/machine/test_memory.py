import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from bids_app.machine import memory
from bids_app.machine.memory import ModelLoading, free_memory, too_little_memory, total_memory

GB = 10**9
MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def make_machine(root: Path, cgroup: str, files: Mapping[str, object], available_kb: int = 8_000_000) -> Path:
    """The files in which Linux tells its memory: /proc/meminfo, /proc/self/cgroup, /sys/fs/cgroup/…"""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "meminfo").write_text(f"MemTotal: 16000000 kB\nMemAvailable:   {available_kb} kB\n")
    (root / "proc" / "self" / "cgroup").write_text(cgroup)
    for name, content in files.items():
        path = root / "sys" / "fs" / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def test_a_machine_without_control_groups(tmp_path: Path) -> None:
    root = make_machine(tmp_path, "0::/\n", {})
    assert free_memory(root) == 8_000_000 * 1024
    assert total_memory(root) == MACHINE


def test_a_container_sees_its_own_limit_and_what_it_uses(tmp_path: Path) -> None:
    # of the 3 GB in use the kernel can give back 1 GB of files
    files = {"memory.max": 4 * 10**8, "memory.current": 3 * 10**8, "memory.stat": f"anon 5\ninactive_file {10**8}"}
    root = make_machine(tmp_path, "0::/\n", files)
    assert free_memory(root) == 2 * 10**8
    assert total_memory(root) == min(MACHINE, 4 * 10**8)


def test_the_tightest_of_the_groups_around_a_slurm_job_counts(tmp_path: Path) -> None:
    files = {
        "memory.max": "max",
        "slurm/memory.max": 9 * 10**8,
        "slurm/memory.current": 5 * 10**8,
        "slurm/job_1/memory.max": 6 * 10**8,
        "slurm/job_1/memory.current": 1 * 10**8,
        "slurm/job_1/step_0/memory.max": "max",
    }
    root = make_machine(tmp_path, "0::/slurm/job_1/step_0\n", files)
    assert free_memory(root) == 4 * 10**8  # that of the outer group, which others use too
    assert total_memory(root) == 6 * 10**8


def test_the_first_version_of_control_groups(tmp_path: Path) -> None:
    cgroup = "5:cpu,cpuacct:/\n4:memory:/docker/abc\n0::/\n"
    files = {
        "memory/memory.limit_in_bytes": 2 * 10**8,  # inside the container there is no docker/abc
        "memory/memory.usage_in_bytes": 1 * 10**8,
        "memory/memory.stat": "inactive_file 1000\ntotal_inactive_file 50000000",
    }
    assert free_memory(make_machine(tmp_path / "limited", cgroup, files)) == 15 * 10**7
    unlimited = {"memory/memory.limit_in_bytes": 9223372036854771712, "memory/memory.usage_in_bytes": 10**8}
    assert free_memory(make_machine(tmp_path / "unlimited", cgroup, unlimited)) == 8_000_000 * 1024


def test_this_machine_has_memory() -> None:
    assert 0 < free_memory() <= total_memory() <= MACHINE


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Free bytes of the CPU, and of the GPU where there is one."""
    free: dict[str, int] = {}
    monkeypatch.setattr(memory, "free_on", lambda device, loading: free[device.type])
    monkeypatch.setattr("torch.cuda.is_available", lambda: "cuda" in free)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    return free


def test_a_model_that_fits_is_no_problem(devices: dict[str, int], tmp_path: Path) -> None:
    devices["cpu"] = 6 * GB
    assert too_little_memory("m", 10**9, ModelLoading()) is None  # 4 GB, a fifth, and 0.4


def test_what_would_fit_is_reported(devices: dict[str, int], tmp_path: Path) -> None:
    devices |= {"cuda": 20 * GB, "cpu": 64 * GB}
    loading = ModelLoading("cuda")
    message = too_little_memory("llama", 7 * 10**9, loading)
    assert message is not None
    assert message.startswith("--model llama: 7.0 billion weights need 34.0 GB in float32")
    assert "the GPU (cuda) has 20.0 GB free" in message
    for fitting in ("--dtype bfloat16 (17.2 GB)", "--device cpu (64.0 GB free)", "a model of at most 4.1 billion"):
        assert fitting in message


def test_what_would_not_fit_either_is_not_offered(devices: dict[str, int], tmp_path: Path) -> None:
    devices |= {"cuda": 10 * GB, "cpu": 10 * GB}
    message = too_little_memory("llama", 70 * 10**9, ModelLoading())
    assert message is not None
    assert "--dtype" not in message
    assert "--device" not in message
    assert "a model of at most 2.0 billion weights" in message


def test_the_memory_given_to_the_run_counts(tmp_path: Path) -> None:
    loading = ModelLoading("cpu", mem_mb=500)
    assert too_little_memory("m", 10**6, loading) is None
    message = too_little_memory("m", 3 * 10**7, loading)
    assert message is not None
    assert "0.5 GB in float32" in message
    assert message.endswith(
        "what would fit: --dtype bfloat16 (0.5 GB), a model of at most 20.8 million weights, a larger --mem-mb"
    )
