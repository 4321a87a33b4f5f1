"""What a run reads, joined: files with runs, words with times, models with stories, atlases with targets."""
