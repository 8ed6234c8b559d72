"""The page that GET / serves: static files, read by serving.http.page."""
