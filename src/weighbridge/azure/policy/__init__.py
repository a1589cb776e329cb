"""Azure Policy without Azure: definitions are evaluated against resource JSON, linted, and written for all stages.

    definition.py   what a definition says           resource.py     what a request would change
    expression.py   [concat(field('a'), 'b')]         selection.py    aliases → values of the resource
    functions_*.py  the template language             conditions.py   equals, like, in, less …
    evaluate.py     if → matched, line by line        effects.py      matched → outcome
    lint*.py        faults that no error shows        catalogue*.py   the policies that Weighbridge writes
    bundle.py       them as files for Azure           stage.py        them on one request, here

Nothing here reads a file, a clock or the network.
"""
