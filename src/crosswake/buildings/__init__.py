"""Buildings and heights of the DFC23 contest: results, official scores, submissions; no torch."""
