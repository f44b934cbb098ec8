"""Training: one loop for whatever is learnt; it knows no model and no data set."""
