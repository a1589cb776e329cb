"""An artifact in a registry as a source: `oci://HOST/NAME:TAG`, `oci://HOST/NAME@sha256:…`, `oci:DIR:NAME:TAG`.

The tag is resolved to a digest first, and everything after goes by digests. A layer is a file, named by the annotations
of ModelPack (`org.cncf.model.filepath`) or ORAS (`org.opencontainers.image.title`); one without a name (as KitOps
writes them) is named by its digest. A layer that is an archive is left as the archive that it is: what is inspected,
signed and stored is what was pushed, byte for byte, and its members are inspected where they are. A name that leads out
of the model, stands twice, or differs between the two annotations ends it all. The config is no file unless it has a
name; what the manifest says of the model is told, and believed by nobody.
Sources: github.com/modelpack/model-spec, docs/spec.md; oras.land, "Artifacts"; github.com/kitops-ml/kitops, ModelKit.
"""

from __future__ import annotations

import os

from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import NotFound, RegistryError, SourceError
from weighbridge.core.origin import FileOrigin, Origin, Told
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.settings import Settings
from weighbridge.registry.base import Descriptor, Reference, parse_reference
from weighbridge.registry.manifests import IMAGE_MANIFEST, Manifest, read_manifest
from weighbridge.registry.open import open_store
from weighbridge.registry.publish import FILE_PATH, FILE_TITLE
from weighbridge.registry.streams import PIECE
from weighbridge.sources.arrivals import Arrivals, Expected, checked_name
from weighbridge.sources.base import Fetched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.registry.base import Store
    from weighbridge.scan.engine import Watcher

ORAS_UNPACK = "io.deis.oras.content.unpack"
"""ORAS' mark of a folder that was packed for the way."""
PACKED_TYPES = ("application/vnd.cncf.model.", "application/vnd.kitops.modelkit.")
"""Beginnings of media types whose end says how a layer is packed. ORAS calls everything a tar by default."""
PACKINGS = ((".tar", ".tar"), (".tar+gzip", ".tar.gz"), (".tar+zstd", ".tar.zst"))
TOLD = ("created", "authors", "source", "revision", "version", "vendor", "licenses", "title")
"""The annotations `org.opencontainers.image.…` that are worth telling."""
MAX_TOLD = 1000


class OciModel(NamedTuple):
    """An artifact in a registry."""

    reference: Reference
    settings: Settings

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        """Pull every layer into quarantine, proved by its digest. Raises SourceError if it cannot be had whole."""
        try:
            return self._fetch(into, watcher)
        except RegistryError as error:
            raise SourceError(error.cause, error.mend) from error

    def _fetch(self, into: str, watcher: Watcher) -> Fetched:
        store = open_store(self.reference, self.settings)
        manifest = store.resolve(self.reference)
        if manifest.media_type != IMAGE_MANIFEST:
            kind = plain(manifest.media_type, 80)
            raise SourceError(f"{plain(str(self.reference))} is a {kind}, not one artifact", "name one by its digest")
        content = read_manifest(store.get_manifest(manifest))
        layers = dict(_named(content))
        if not layers:
            raise SourceError(f"{plain(str(self.reference))} has no layers", "name an artifact with a model in it")
        if len(layers) > self.settings.limits.files:
            raise SourceError(
                f"the artifact has {len(layers)} files, more than {self.settings.limits.files}",
                "raise files in [limits]",
            )
        arrivals = Arrivals(into, self.settings.quarantine.most_bytes, watcher)
        arrivals.make_room(sum({layer.digest: layer.size for layer in layers.values()}.values()))
        files = []
        for name, layer in layers.items():
            watcher.note(escape_name(name))
            _pull(store, layer, name, arrivals)
            files.append(FileOrigin(escape_name(name), layer.size, layer.digest.hex))
        origin = Origin(
            "oci", self.place, self.reference.tag or "", str(manifest.digest), tuple(files), tuple(_told(content))
        )
        return Fetched(into, escape_name(self.reference.name.rpartition("/")[2]), origin)

    @property
    def place(self) -> str:
        """The repository. Of a layout folder only its own name: where it lies is nobody's business."""
        if self.reference.kind == "remote":
            return f"oci://{self.reference.place}/{self.reference.name}"
        return f"oci:{escape_name(os.path.basename(os.path.abspath(self.reference.place)))}:{self.reference.name}"


def open_oci(text: str, settings: Settings) -> OciModel:
    """Read `oci://HOST/NAME:TAG`, `oci://HOST/NAME@sha256:…` or `oci:DIR:NAME:TAG`. Raises UsageError."""
    return OciModel(parse_reference(text.removeprefix("oci://")), settings)


def _named(content: Manifest) -> Iterator[tuple[str, Descriptor]]:
    """The files of a manifest by their names. Raises SourceError for names that no folder can hold together."""
    seen: set[str] = set()
    config = (content.config,) if FILE_TITLE in content.config.annotations else ()
    for layer in (*config, *content.layers):
        name = checked_name(_name(layer))
        if name in seen:
            raise SourceError(f"two layers have the name {plain(name, 200)!r}", "take in nothing of it")
        seen.add(name)
        yield name, layer


def _name(layer: Descriptor) -> str:
    path, title = layer.annotations.get(FILE_PATH), layer.annotations.get(FILE_TITLE)
    if path is not None and title is not None and path != title:
        raise SourceError(
            f"the layer {layer.digest} has two names, so that readers would unpack different models",
            "take in nothing of it",
        )
    packing = _packing(layer)
    name = path if path is not None else title
    if name is None:
        kind = layer.media_type.removeprefix("application/vnd.kitops.modelkit.").partition(".")[0]
        known = kind if kind in ("model", "modelpart", "dataset", "code", "docs") else "layer"
        return f"{known}-{layer.digest.hex[:12]}{packing}"
    return name if name.endswith(packing) else f"{name.rstrip('/')}{packing}"


def _packing(layer: Descriptor) -> str:
    """The ending of a file that holds a packed layer; empty if the layer is a file as it is."""
    if layer.media_type.startswith(PACKED_TYPES) or layer.annotations.get(ORAS_UNPACK) == "true":
        for ending, suffix in PACKINGS:
            if layer.media_type.endswith(ending):
                return suffix
    return ""


def _pull(store: Store, layer: Descriptor, name: str, arrivals: Arrivals) -> None:
    expected = Expected(name, layer.size, layer.digest.hex)
    arrived = arrivals.have(expected)
    if arrived is None:
        arriving = arrivals.begin(expected)
        try:
            if not arriving.whole or not layer.size:
                with store.open_part(layer, arriving.tell()) as stream:
                    while piece := stream.read(PIECE):
                        arriving.write(piece)
            arrived = arriving.finish()
        except NotFound as error:
            raise SourceError(f"the layer of {plain(name, 200)!r} is not there: {error.cause}", error.mend) from error
        finally:
            arriving.close()
    arrivals.lay_out(arrived, name)


def _told(content: Manifest) -> Iterator[Told]:
    yield Told("artifact-type", plain(content.artifact_type, MAX_TOLD))
    for key in TOLD:
        value = content.annotations.get(f"org.opencontainers.image.{key}")
        if value is not None:
            yield Told(key, plain(value, MAX_TOLD))
