"""The usual ways beside ours, timed in turn; not part of the package."""
