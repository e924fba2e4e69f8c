"""The stages of a blockwise segmentation: segment, edges, merge, relabel, pyramid, measure.

Each is a pure function of arrays, so that it can be tested, and run by any engine.
"""
