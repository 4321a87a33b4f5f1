"""The inputs of a run, combined: files with runs, words with times, models with stories, atlases with targets."""
