"""The analysis `futures`: what the syntax and what the meaning of words ahead add to the prediction."""
