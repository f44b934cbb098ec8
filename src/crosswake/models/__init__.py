"""Models: from batches of chips to embeddings; they know nothing of files."""
