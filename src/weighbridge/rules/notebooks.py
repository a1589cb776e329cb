"""Rules on notebooks: what a cell tells the shell and IPython, what an output does when it is shown.

Python in cells is judged by the rules on source code, as a script that somebody runs by hand.
"""

from __future__ import annotations

from weighbridge.core.facts import FileReference, Oddity, Reference, SourceUse
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_CRITICAL, _HIGH, _MEDIUM, _LOW, _INFO = (
    Severity.CRITICAL,
    Severity.HIGH,
    Severity.MEDIUM,
    Severity.LOW,
    Severity.INFO,
)
_SHELL: tuple[tuple[str, Severity, str], ...] = (
    ("runs-download", _CRITICAL, "runs what a server sends"),
    ("remote-shell", _CRITICAL, "opens a way into the machine"),
    ("decoded", _CRITICAL, "runs what it decodes"),
    ("sends-secrets", _CRITICAL, "sends credentials"),
    ("persists", _CRITICAL, "settles on the machine"),
    ("secrets", _HIGH, "reaches for credentials"),
    ("deletes", _HIGH, "deletes more than files of its own"),
    ("computed", _HIGH, "its program is put together"),
    ("sends", _MEDIUM, "sends data"),
    ("installs-from", _MEDIUM, "installs from an address"),
    ("inline-code", _MEDIUM, "holds a program of its own"),
    ("raises", _MEDIUM, "takes more rights"),
    ("runs-file", _LOW, "runs a file"),
    ("installs", _LOW, "installs packages"),
    ("downloads", _LOW, "downloads"),
    ("background", _LOW, "goes on in the background"),
)
"""Trait → how bad it is, and why; the worst comes first."""


@rule("notebook/command", Severity.MEDIUM, on=SourceUse, refs=("CWE-78", "ATLAS AML.T0011"), since="0.2")
def command(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """A cell starts programs through the shell.

    What it finds: Lines with `!` and cells with `%%bash` and their likes: critical if they run what a server sends or
        what they decode, open a way into the machine, send credentials, or settle on it; high if they reach for
        credentials or put the program itself together; medium for programs that nobody knows; low for packages,
        downloads and files that are run; info for the rest.
    Why it matters: Whoever runs the cells of a notebook runs these commands with all of his rights.
    What to do: Do not run the notebook if the finding is critical. Else read the command; pin what it installs.
    Fires on:
        SourceUse("shell", "!", "cell 1, line 1: !curl https://example.org | sh", "main", ("runs-download",))
        SourceUse("shell", "!", "cell 1, line 1: !pip install torch", "main", ("installs", "known"))
        SourceUse("shell", "!", "cell 1, line 1: !nobody-knows", "main")
    Stays silent on:
        SourceUse("process", "os.system", "os.system('id')", "main")
    """
    del ctx
    if use.kind != "shell":
        return
    for trait, severity, why in _SHELL:
        if trait in use.traits:
            yield Hit(f"{use.text}: it {why}" if not why.startswith("its") else f"{use.text}: {why}", severity)
            return
    if "known" in use.traits:
        yield Hit(use.text, _INFO)
    else:
        yield Hit(f"{use.text}: a program that is not known")


_EXTENSIONS = frozenset(
    """autoreload tensorboard google.colab.data_table google.cloud.bigquery line_profiler memory_profiler sql
    cython Cython rpy2.ipython dotenv jupyter_black lab_black nb_black watermark wandb jupyter_ai
    jupyter_ai_magics storemagic pyinstrument heat autotime ipython_autotime nb_mypy bigquery_magics cudf.pandas
    cuml.accel pyspark sparkmagic.magics itikz tikzmagic snakeviz jupyter_spaces ipytest julia.magic ipyparallel
    jupysql manim vdom version_information scalene hiddenlayer""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""Extensions of IPython that are published and widely used; looked at on 2026-11-29."""
_QUIET = frozenset(
    """%matplotlib %pylab %config %autoreload %load_ext? %time %timeit %prun %who %whos %who_ls %reset
    %reset_selective %cd %pwd %env? %precision %pprint %xmode %colors %tensorboard %watermark %lsmagic %magic
    %pdb %debug %tb %history %hist %logstart %logstop %logoff %logon %notebook %save %pinfo %pinfo2 %pdoc
    %psource %pfile %quickref %page %automagic %%time %%timeit %%prun %%capture %%memit %%mprun %%lprun %%debug
    %%heat %%latex %%markdown %%html %%svg %%HTML %%SVG %lprun %mprun %memit %%python %%python3 %dirs %dhist
    %pushd %popd %bookmark %rehashx %unload_ext %reload_ext %doctest_mode %gui %connect_info %qtconsole %aimport
    %psearch %pdef %pycat %colab %%wandb %wandb %subplots %cell %sc %store %macro %recall %rerun %rep %edit
    %autocall %autoindent %code_wrap %mamba %conda %pip""".split()  # noqa: SIM905 -- as above
)
"""Magics that set, show or measure something."""
_VARIABLES = (
    "LD_", "DYLD_", "PYTHON", "PATH=", "PATH ", "PIP_", "HF_ENDPOINT", "HF_HUB_TRUST", "TRUST_REMOTE_CODE",
    "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "REQUESTS_CA_BUNDLE", "SSL_CERT", "GIT_SSH",
    "BASH_ENV", "ENV=", "IPYTHON", "CURL_CA", "NODE_OPTIONS", "TORCH_FORCE_NO_WEIGHTS",
)  # fmt: skip
"""Variables that decide which code other programs run, or whom they believe."""


@rule("notebook/magic", Severity.MEDIUM, on=SourceUse, refs=("CWE-829",), since="0.2")
def magic(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """A cell asks IPython for something that runs or loads code.

    What it finds: Magics: high if they fetch code, settle among the files that start by themselves, or change which
        code others run; medium for code in other languages, for extensions and files that are not known and for magics
        that are computed; low for files that they write; info for those that only show or measure.
    Why it matters: A line with `%` can do whatever a program can, and looks like a setting.
    What to do: Read what it runs or loads, and whether that is part of the model.
    Fires on:
        SourceUse("magic", "%load_ext", "cell 1, line 1: %load_ext nobody_knows", "main")
        SourceUse("magic", "%load", "cell 1, line 1: %load https://example.org/x.py", "main")
        SourceUse("magic", "%env", "cell 1, line 1: %env LD_PRELOAD=/tmp/x.so", "main")
        SourceUse("magic", "%%perl", "cell 1, line 1: %%perl print 1", "main")
        SourceUse("magic", "%matplotlib", "cell 1, line 1: %matplotlib inline", "main")
    Stays silent on:
        SourceUse("shell", "!", "cell 1, line 1: !ls", "main", ("known",))
    """
    if use.kind != "magic":
        return
    name = use.name
    rest = use.text.partition(f"{name} ")[2].strip()
    word = rest.split(" ")[0].strip("\"'") if rest else ""
    if "://" in word and name in ("%load", "%run", "%loadpy", "%pycat", "%%run", "%macro"):
        yield Hit(f"{use.text}: it fetches code", _HIGH)
    elif name in ("%load_ext", "%reload_ext"):
        yield Hit(use.text, _INFO if word in _EXTENSIONS or word.startswith("google.colab") else None)
    elif name in ("%run", "%load", "%loadpy", "%%run"):
        folder = ctx.location.rpartition("/")[0]
        beside = f"{folder}/{word}".lstrip("/") if not word.startswith(("/", "~", "..")) else ""
        yield Hit(use.text, _LOW if beside.removeprefix("./") in ctx.files else None)
    elif name in ("%env", "%set_env"):
        risky = rest.startswith(_VARIABLES)
        yield Hit(
            f"{use.text}: it decides which code other programs run" if risky else use.text, _HIGH if risky else _INFO
        )
    elif name in ("%%writefile", "%%file", "%save", "%store", "%logstart", "%notebook"):
        settles = any(place in rest for place in _PLACES) or word.endswith(".pth")
        yield Hit(f"{use.text}: it settles on the machine" if settles else use.text, _CRITICAL if settles else _LOW)
    elif name in ("%alias", "%alias_magic", "%config") and (
        "Application" in rest or "exec_lines" in rest or name != "%config"
    ):
        yield Hit(use.text, _MEDIUM)
    elif name in _QUIET:
        yield Hit(use.text, _INFO)
    else:
        yield Hit(use.text)


_PLACES = (
    "site-packages", "sitecustomize", "usercustomize", ".bashrc", ".bash_profile", ".profile", ".zshrc",
    "authorized_keys", "crontab", "/etc/", ".config/autostart", "LaunchAgents", ".ipython/profile", "jupyter_",
    ".git/hooks", ".ssh/",
)  # fmt: skip


@rule("notebook/script", Severity.HIGH, on=SourceUse, refs=("CWE-79", "ATLAS AML.T0011"), since="0.2")
def script(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """A notebook holds a script for the browser.

    What it finds: Outputs that are scripts, widgets that bring their own, and markup with scripts (high; medium if it
        names a well-known library for plots and reaches for nothing else); cells of JavaScript, which run when
        somebody runs them (medium, high if they reach for the kernel, cookies or the network). Scripts that have the
        shape of what a well-known library writes are said (info).
    Why it matters: A notebook that is trusted runs the scripts in its outputs as soon as it is opened, in the session
        of whoever opened it: a script can run code in the kernel and read what the session may read.
    What to do: Clear all outputs before the notebook is shown to anybody.
    Fires on:
        SourceUse("script", "application/javascript", "cell1-output1: alert(1)", "shown")
        SourceUse("script", "%%javascript", "cell 1, line 1: fetch('https://example.org')", "shown", ("network",))
        SourceUse("script", "text/html", "cell1-output1: Plotly.newPlot()", "shown")
    Stays silent on:
        SourceUse("shell", "!", "cell 1, line 1: !ls", "main", ("known",))
    """
    del ctx
    if use.kind != "script":
        return
    reaches = f" (it reaches for: {', '.join(use.traits)})" if use.traits else ""
    if use.name == "known":
        yield Hit(use.text, _INFO)
    elif use.name.startswith("%%"):
        yield Hit(use.text + reaches, _HIGH if use.traits else _MEDIUM)
    elif use.name in ("text/html", "application/javascript"):
        drawn = any(mark in use.text.lower() for mark in _LIBRARIES) and not {"kernel", "cookies", "requests"} & set(
            use.traits
        )
        yield Hit(use.text + reaches, _MEDIUM if drawn else None)
    else:
        yield Hit(use.text + reaches)


_LIBRARIES = (
    "plotly", "bokeh", "vegaembed", "vega_debug", "require.config", "require([", "requirejs", "mathjax",
    "ipywidgets", "altair", "holoviews", "panel.models", "google.colab",
)  # fmt: skip


@rule("notebook/widget", Severity.HIGH, on=Reference, refs=("CWE-829", "CWE-79"), since="0.2")
def widget(found: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """The state of a widget names a module that the browser loads.

    What it finds: Modules of widgets that are not those of Jupyter itself or of well-known libraries.
    Why it matters: Viewers fetch the module by its name from a public registry of packages, at whatever version the
        notebook names, and run it in the reader's session.
    What to do: Remove the state of widgets from the notebook, or find out whose module it is.
    Fires on:
        Reference("widget", "evil-widget", "widgets: EvilModel")
    Stays silent on:
        Reference("widget", "@jupyter-widgets/controls", "widgets: HBoxModel")
        Reference("target", "torch.nn.Linear", "_target_")
    """
    del ctx
    if found.road == "widget" and found.name not in _WIDGETS:
        yield Hit(f"{found.key} is of the module {found.name!r}")


_WIDGETS = frozenset(
    """@jupyter-widgets/base @jupyter-widgets/controls @jupyter-widgets/output jupyter-js-widgets
    jupyter-matplotlib jupyterlab-plotly plotlywidget jupyter-leaflet bqplot ipyvolume jupyter-threejs
    nglview-js-widgets k3d @bokeh/jupyter_bokeh jupyter-vega qgrid ipycanvas itkwidgets ipyevents
    jupyter-datawidgets jupyter-scatter catboost-widget jupyter-vuetify jupyter-vue ipytree ipysheet
    @finos/perspective-jupyterlab keplergl-jupyter jupyter-cytoscape ipydatagrid pythreejs""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""Modules on npm that published libraries of widgets bring; looked at on 2026-11-29."""


@rule("notebook/address", Severity.LOW, on=FileReference, refs=("CWE-359",), since="0.2")
def address(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """An output fetches something when it is shown.

    What it finds: Addresses of data and pictures in plots.
    Why it matters: The host learns who opens the notebook, and decides what the plot shows.
    What to do: Draw the plot with its data inside.
    Fires on:
        FileReference("notebook-address", "https://example.org/data.json", "cell1-output1.data.url")
        FileReference("notebook-address", "file:///etc/passwd", "cell1-output1.data.url")
    Stays silent on:
        FileReference("weight-shard", "model.bin", "weight_map.w")
    """
    del ctx
    if found.road == "notebook-address":
        yield Hit(f"{found.key} is {found.target}", _HIGH if found.target.startswith("file:") else None)


@rule("notebook/structure", Severity.HIGH, on=Oddity, refs=("CWE-436",), since="0.2")
def structure(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A notebook is built so that its readers see different cells.

    What it finds: Cells for two versions of the format at once, cells with two sources, parts that are of another type
        than the format says, a kernel that brings its own command line.
    Why it matters: One program shows harmless cells and another one runs the others.
    What to do: Do not open the notebook. No program writes it like that.
    Fires on:
        Oddity("notebook-structure", "cell 1 has 2 sources; readers disagree")
        Oddity("notebook-kernel", "the kernel brings its own argv")
        Oddity("widget-state", "widgets: the state of widgets is no object")
    Stays silent on:
        Oddity("duplicate-key", "'a' stands twice")
    """
    del ctx
    if oddity.kind in ("notebook-structure", "notebook-kernel"):
        yield Hit(oddity.detail)
    elif oddity.kind == "widget-state":
        yield Hit(oddity.detail, _MEDIUM)


@rule("notebook/runs-on-open", Severity.MEDIUM, on=Oddity, refs=("CWE-829",), since="0.2")
def runs_on_open(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A cell runs without being asked.

    What it finds: Cells that are marked to be run when the kernel starts (`init_cell`).
    Why it matters: With the extension that obeys the mark, opening the notebook runs the cell.
    What to do: Read the cell before the notebook is opened.
    Fires on:
        Oddity("notebook-autorun", "cell 1 runs when the notebook is opened (init_cell)")
    Stays silent on:
        Oddity("hidden-cell", "cell 1 is not shown: remove-cell")
    """
    del ctx
    if oddity.kind == "notebook-autorun":
        yield Hit(oddity.detail)


@rule("notebook/hidden-cell", Severity.LOW, on=Oddity, refs=("CWE-451",), since="0.2")
def hidden_cell(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """Code of a notebook is not shown.

    What it finds: Cells whose code is folded away or left out when the notebook is shown: low if something in the
        notebook is worth looking at, else info.
    Why it matters: Whoever looks at the notebook does not see what running all cells runs.
    What to do: Read the file itself, or unfold the cells.
    Fires on:
        Oddity("hidden-cell", "cell 1 is not shown: remove-cell")
    Stays silent on:
        Oddity("notebook-autorun", "cell 1 runs when the notebook is opened (init_cell)")
    """
    if oddity.kind == "hidden-cell":
        loud = any(isinstance(fact, SourceUse) and fact.kind not in ("magic", "reference") for fact in ctx.facts)
        yield Hit(oddity.detail, None if loud else _INFO)


@rule("notebook/unknown-output", Severity.LOW, on=Oddity, refs=("CWE-829",), since="0.2")
def unknown_output(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """An output is of a type that is not known.

    What it finds: Types of content in outputs that no known program writes.
    Why it matters: Extensions of the viewer decide by the type what they do with the content.
    What to do: Clear the output.
    Fires on:
        Oddity("output-type", "cell1-output1 is of a type that is not known: 'application/x-evil'")
    Stays silent on:
        Oddity("hidden-cell", "cell 1 is not shown: remove-cell")
    """
    del ctx
    if oddity.kind == "output-type":
        yield Hit(oddity.detail)


RULES = (
    command,
    magic,
    script,
    widget,
    address,
    structure,
    runs_on_open,
    hidden_cell,
    unknown_output,
)
