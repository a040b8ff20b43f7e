"""Programs that run in environments of their own. They import nothing of ours."""
