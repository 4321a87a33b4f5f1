"""What windows of words ahead add to the prediction, and how far ahead they add most."""
