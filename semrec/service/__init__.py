"""The HTTP service: `semrec serve`. FastAPI is imported in this package only; install `semrec[service]`."""
