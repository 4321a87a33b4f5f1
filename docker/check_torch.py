"""Stop the build of an image whose torch is not of the variant that was asked for: `check_torch.py [cpu|cuda]`."""

import sys

VARIANTS = ("cpu", "cuda")


def problem(variant: str, cuda: str | None) -> str | None:
    """What is wrong, in a sentence; `cuda` is the CUDA version that torch was built for, an empty variant takes any."""
    if variant and variant not in VARIANTS:
        return f"VARIANT={variant}: is not one of {', '.join(VARIANTS)}."
    if variant == "cpu" and cuda:
        return (
            f"VARIANT=cpu, but pip found only a torch for CUDA {cuda}, with gigabytes of libraries: give the index of "
            "PyTorch's CPU wheels as --build-arg TORCH_INDEX=URL (pytorch.org, 'Get started' names it), or leave out "
            "both to take torch from PyPI."
        )
    if variant == "cuda" and not cuda:
        return (
            "VARIANT=cuda, but pip found a torch without CUDA: leave out other sources of wheels, "
            "or give an index that has the CUDA build as --build-arg TORCH_INDEX=URL."
        )
    return None


if __name__ == "__main__":
    import torch

    if message := problem("".join(sys.argv[1:2]), torch.version.cuda):
        raise SystemExit(message)
    print(f"torch {torch.__version__}, {f'CUDA {torch.version.cuda}' if torch.version.cuda else 'CPU only'}")
