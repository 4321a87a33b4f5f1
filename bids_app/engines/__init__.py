"""What runs jobs: processes of this machine, Dask workers, SLURM."""
