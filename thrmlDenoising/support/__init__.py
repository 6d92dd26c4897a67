"""What knows nothing of models: text, files, imports, the host and what commands say."""
