"""Published methods, each a model under the names of its published weights."""
