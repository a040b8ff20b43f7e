"""The routes of the Books API, one file a module."""
