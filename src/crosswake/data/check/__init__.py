"""Facts about files, what is wrong with them, statistics and contact sheets."""
