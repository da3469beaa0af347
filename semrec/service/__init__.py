"""The HTTP service: `semrec serve`. Only this package imports FastAPI; install `semrec[service]`."""
