"""The words of Weighbridge as frozen types. This floor imports nothing of ours."""
