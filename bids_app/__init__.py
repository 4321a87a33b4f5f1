"""neurons2networks: which groups of a language model's neurons behave like which functional brain networks."""

__version__ = "0.1.0"
