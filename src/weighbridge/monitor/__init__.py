"""What runs is watched: detections on exported logs, the same as rules for hosted logs, and probes of endpoints."""
