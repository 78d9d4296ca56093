// For folders that are all headers.
