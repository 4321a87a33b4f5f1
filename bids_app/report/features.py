"""Usual names of the features of the nuisance band."""

FEATURES = {
    "wordrate": "word rate",
    "length": "word length",
    "frequency": "word frequency",
    "storyposition": "position in the story",
    "sentenceposition": "position in the sentence",
    "envelope": "acoustic envelope",
}
