"""From chips to batches on the device: decoded once, augmented there."""
