"""Weighbridge weighs AI models before they may drive on to production.

Importing this package loads nothing else: the public functions live in `weighbridge.scan.engine`,
`weighbridge.pipelines.intake` and `weighbridge.pipelines.admission`.
"""

__version__ = "0.1.0"
