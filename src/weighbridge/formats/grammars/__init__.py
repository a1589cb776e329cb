"""The grammars that several formats share: Protocol Buffers, flatbuffers, JSON, YAML, XML, Thrift, sorted tables."""
