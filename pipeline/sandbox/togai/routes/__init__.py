"""The routes of the Togai API, one file a resource."""
