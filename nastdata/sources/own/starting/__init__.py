"""``sources new``: from a look at somebody's data to a description to start from."""
