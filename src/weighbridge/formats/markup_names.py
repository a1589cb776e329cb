"""Elements and attributes of documents: what shows text, and what does more. Whatever is on no list is told.

Sources: HTML Living Standard, "Elements" and "Attributes"; SVG 2, element index; what GitHub and the Hub keep of a
card ("Markdown syntax for files", "Hub documentation: model cards").
"""

from __future__ import annotations

SHOWS = frozenset(
    (
        "a abbr acronym address area article aside audio b bdi bdo big blockquote body br caption center cite code col "
        "colgroup data dd del details dfn dir div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 head header "
        "hgroup hr html i img ins kbd label legend li main map mark menu meter nav ol optgroup option p picture pre "
        "progress q rp rt rtc ruby s samp search section small source span strike strong sub summary sup table tbody "
        "td tfoot th thead time tr track tt u ul var video wbr"
    ).split()
)
"""Elements that show text, tables and pictures, and do nothing."""
DRAWS = frozenset(
    (
        "svg g path rect circle ellipse line polyline polygon text tspan textpath defs use symbol lineargradient "
        "radialgradient stop clippath mask pattern title desc metadata marker image style switch view a filter "
        "feblend fecolormatrix fecomponenttransfer fecomposite feconvolvematrix fediffuselighting fedisplacementmap "
        "fedistantlight fedropshadow feflood fefunca fefuncb fefuncg fefuncr fegaussianblur femerge femergenode "
        "femorphology feoffset fepointlight fespecularlighting fespotlight fetile feturbulence rdf work format type "
        "creator agent date font-face glyph missing-glyph namedview page grid inkscape sfw slices perspective "
        "hatch solidcolor tref altglyph publisher license permits requires prohibits rights description bag "
        "path-effect guide"
    ).split()
)
"""Elements of a drawing that draw, with those that drawing programs and matplotlib add."""
FORMULA = frozenset(
    (
        "math mi mn mo mrow mfrac msup msub msubsup msqrt mroot mover munder munderover mtable mtr mtd mspace mpadded "
        "mphantom merror semantics annotation mstyle mmultiscripts mprescripts"
    ).split()
)
FRAMES = frozenset("iframe object embed applet portal frame frameset fencedframe".split())
LEADS = frozenset("base meta link".split())
CONTROLS = frozenset("form input button textarea select isindex keygen".split())
ANIMATES = frozenset("animate set animatetransform animatemotion animatecolor discard mpath handler listener".split())
RAW = frozenset("style title textarea xmp noscript noembed noframes plaintext template iframe".split())
"""Elements whose content is read as text by one parser and as markup by the next."""
ADDRESSES = frozenset(
    (
        "href xlink:href src srcset action formaction data poster background cite ping manifest longdesc usemap "
        "profile codebase classid archive icon dynsrc lowsrc imagesrcset values from to by"
    ).split()
)
"""Attributes that hold an address, or several."""
PLAIN = frozenset(
    (
        "abbr align alt allow allowfullscreen allowtransparency autoplay axis bgcolor border bordercolor cellpadding "
        "cellspacing char charoff charset checked class clear color cols colspan compact content controls coords "
        "crossorigin datetime decoding default dir disabled download face fetchpriority for frame frameborder headers "
        "height hidden hreflang hspace id itemid itemprop itemref itemscope itemtype kind label lang language loading "
        "loop markdown max media min muted name nohref noshade nowrap open optimum playsinline preload property "
        "referrerpolicy rel rev role rows rowspan rules scope scoped scrolling selected shape size sizes span start "
        "style summary tabindex target text theme title translate type valign value vspace width wrap xml:lang xmlns"
    ).split()
)
"""Attributes that only say how something looks or what it is called."""
FRONT_ENDS = ("v-", "ng-", "x-", "hx-", "data-ng-", "data-hx-", "data-bind", "data-action", "data-turbo", "@", ":", "(")
"""How attributes begin that a front end of the page acts upon: Vue, Angular, Alpine, htmx, Knockout, Stimulus."""
