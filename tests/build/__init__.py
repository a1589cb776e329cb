"""What tests are made of: files, models, servers and keys, all built by code."""
