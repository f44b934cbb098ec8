"""Learning from optical-SAR pairs of places: `crosswake pretrain`."""
