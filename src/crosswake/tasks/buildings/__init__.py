"""Learning buildings, roof types and heights from tiles: ``crosswake buildings train``."""
