"""What frozen features know of land cover: `crosswake probe`."""
