"""Arrays to pictures, as PNG. The only place that imports matplotlib.

`general` draws images, kernels and curves of numbers, `planes` what lives in a plane or in space, `scores` where scores
are cut, `mixing` what two images make together.
"""

from aejax.figures.general import COLOURS, curves, directions, image_rows, kernels, lines, samples, spreads
from aejax.figures.mixing import mixtures
from aejax.figures.planes import denoising_field, unrolled
from aejax.figures.scores import score_histogram

__all__ = ["COLOURS", "curves", "denoising_field", "directions", "image_rows", "kernels", "lines", "mixtures",
           "samples", "score_histogram", "spreads", "unrolled"]
