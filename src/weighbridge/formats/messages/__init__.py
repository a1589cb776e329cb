"""Models that are Protocol Buffers: Core ML, Caffe, SentencePiece, Paddle and their neighbours."""
