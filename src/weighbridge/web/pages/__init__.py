"""The pages for people. One module a subject: each gives its routes, and for each route what the page shows."""
