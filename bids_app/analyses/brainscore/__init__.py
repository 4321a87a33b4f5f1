"""How well hidden states predict held-out responses, beside the noise ceiling."""
