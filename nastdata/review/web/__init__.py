"""The review page: a small server on this machine, by Starlette and uvicorn."""
