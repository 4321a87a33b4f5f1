"""Engines that run jobs: local processes, Dask workers, SLURM."""
