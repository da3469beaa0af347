"""The mathematics of the fitted signals: arrays in, arrays out."""
