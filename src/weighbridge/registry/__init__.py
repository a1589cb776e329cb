"""Where models and their evidence live: OCI registries, with an image layout folder as the embedded one."""
