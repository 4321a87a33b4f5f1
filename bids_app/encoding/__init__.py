"""Arrays in, arrays out: the design, ridge, lasso and dictionary; cleaning, smoothing and the noise ceiling."""
