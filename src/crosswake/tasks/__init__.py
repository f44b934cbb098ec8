"""What can be learnt: each task has its data, learner, batches and measure."""
