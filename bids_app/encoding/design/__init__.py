"""Design of the encoding models: words per volume, haemodynamic responses, delays, components, folds."""
