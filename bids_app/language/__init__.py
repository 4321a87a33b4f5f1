"""Text to activations: models and their neurons, tokens and words, storage."""
