"""The gallery: sightings with when and where, evidence for and against a candidate."""
