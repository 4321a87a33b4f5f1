"""What each analysis level does, in order, and the engine that runs the jobs."""
