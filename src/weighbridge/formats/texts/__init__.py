"""What is searched for in every text of a model: addresses, secrets, data about people, code, blobs in disguise."""
