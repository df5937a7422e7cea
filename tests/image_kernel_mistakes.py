"""Mistakes in the kernels of images, for `tests.test_kernel_mutants`."""

from tests.mutants import Mutant

IMAGES, CHANNELS = "test_step_kernels_images.test_", "test_step_kernels_channels.test_"
PATCHES, BACK = IMAGES + "patches_are_numpys", IMAGES + "the_gradient_of_patches_is_numpys_gradient_of_the_image"
LARGEST, MEANS = IMAGES + "max_pooling_is_numpys", IMAGES + "means_are_numpys"
CHUNKS, MOMENTS = CHANNELS + "activation_backward_in_chunks", CHANNELS + "moments_of_chunks"
WHOLE, NORM = CHANNELS + "statistics_are_those_of_the_whole", CHANNELS + "channel_norm_is_numpys"
NORMALISED = CHANNELS + "normalised_channels_with_activation_and_dropout"
NO_BIAS = CHANNELS + "without_a_bias_vectors_have_no_gradient_of_it"
STRIDED = {"rows": 47, "image": (4, 7, 5), "form": (3, 2, 1)}
PADDED = {"rows": 3, "image": (5, 7, 1), "form": (5, 1, 4)}
COLOUR = {"rows": 3, "image": (5, 4, 3), "form": (3, 1, 1)}
LEFT_OVER = {"rows": 47, "image": (7, 9, 1), "size": 3}
POOLED = {"rows": 3, "image": (5, 4, 3), "size": 2}
WINDOWS = {"rows": 513, "image": (3, 5, 1), "size": 2, "whole": False}
PLAIN = {"name": None, "rate": 0.0}

MUTANTS = [
    Mutant("patches: no stride", "patch.line * stride", "patch.line", PATCHES, STRIDED),
    Mutant("patches: padding to the other side", "within / kernel - padding", "within / kernel + padding", PATCHES,
           PADDED),
    Mutant("patches: line for column", "within % kernel - padding", "within / kernel - padding", PATCHES, PADDED),
    Mutant("patches: the first line is outside", "bool inside = 0 <= line", "bool inside = 0 < line", PATCHES, PADDED),
    Mutant("patches: the last column is outside", "column < width;\n  out", "column < width - 1;\n  out", PATCHES,
           PADDED),
    Mutant("patches: one channel", "* channels + i % channels] : (real)0", "* channels] : (real)0", PATCHES, COLOUR),
    Mutant("patches: one too many", "if (i >= n) return;\n  int tap", "if (i > n) return;\n  int tap", PATCHES, COLOUR),
    Mutant("col2im: between the strides", "down % stride != 0 || ", "", BACK, STRIDED),
    Mutant("col2im: columns between the strides", "across % stride != 0 || ", "", BACK, STRIDED),
    Mutant("col2im: lines of the next image", " || down / stride >= lines", "", BACK, COLOUR),
    Mutant("col2im: columns of the next line", " || across / stride >= columns", "", BACK, COLOUR),
    Mutant("col2im: transposed", "((patch * kernel + k) * kernel + l)", "((patch * kernel + l) * kernel + k)", BACK,
           COLOUR),
    Mutant("col2im: the last alone", "sum += gradient[((", "sum = gradient[((", BACK, COLOUR),
    Mutant("col2im: no padding", "place.line + padding - k", "place.line - k", BACK, COLOUR),
    Mutant("the last of equals pools", "value > largest || ", "value >= largest || ", LARGEST,
           POOLED | {"equal": True}),
    Mutant("a value that is no number is lost", " || value != value", "",
           IMAGES + "a_largest_value_that_is_no_number_stays", {"place": 2}),
    Mutant("the window transposed", "first = k * size + l", "first = l * size + k", LARGEST, POOLED | {"equal": False}),
    Mutant("windows overlap", "window.line * size", "window.line", LARGEST, POOLED | {"equal": False}),
    Mutant("lines left over have a gradient", "if (down < lines && across < columns) {", "{", LARGEST,
           POOLED | {"equal": False}),
    Mutant("the gradient of all", "if (which[window] == place.line % size * size + place.column % size) value", "value",
           LARGEST, LEFT_OVER | {"equal": False}),
    Mutant("a sum for a mean", "y[i] = sum / (tall * wide)", "y[i] = sum", MEANS, WINDOWS),
    Mutant("the mean of a line", "for (int k = 0; k < tall; k++)", "for (int k = 0; k < 1; k++)", MEANS,
           WINDOWS | {"whole": True}),
    Mutant("windows of means overlap", "window.column * wide", "window.column", MEANS, WINDOWS),
    Mutant("shares of the gradient", "gradient[window] / (tall * wide)", "gradient[window]", MEANS, WINDOWS),
    Mutant("means left over have a gradient", "out[i] = pooled ?", "out[i] = true ?", MEANS, WINDOWS),
    Mutant("a difference for a sum", "a[i] + b[i]", "a[i] - b[i]", IMAGES + "the_sum_of_a_block_and_its_shortcut",
           {"count": 257}),
    Mutant("the last chunk goes on", "start + chunk < rows ? start + chunk : rows", "start + chunk", CHUNKS),
    Mutant("columns beyond the last", "column < width ? stop : start", "stop", CHUNKS),
    Mutant("chunks in another order", "number = (int)blockIdx.x / across", "number = (int)blockIdx.x % across",
           CHUNKS),
    Mutant("no slope in a chunk", "real value = gradient[i] * slope[i];\n    out[i] = value;",
           "real value = gradient[i];\n    out[i] = value;", CHUNKS),
    Mutant("the mean of a whole chunk", "/ (part.stop - part.start)", "/ chunk", MOMENTS, {"biased": True}),
    Mutant("moments without a bias", "bias && part.column < width ? bias[part.column]",
           "bias && part.column < width ? (real)0", MOMENTS, {"biased": True}),
    Mutant("squares about 0", "+ shift - mean;\n    sum", "+ shift;\n    sum", MOMENTS, {"biased": False}),
    Mutant("means of chunks alike", "means[i * width + column] * (i + 1 < chunks ? chunk : last)",
           "means[i * width + column] * chunk", WHOLE),
    Mutant("the spread between chunks", "+ off * off * (i + 1 < chunks ? chunk : last)", "", WHOLE),
    Mutant("channels' running variance is biased", "spread * ((real)rows / (real)(rows - 1))", "spread", WHOLE),
    Mutant("channels without eps", "sqrt_(spread + eps)", "sqrt_(spread)", WHOLE),
    Mutant("channels' momentum", "centre * momentum", "centre * ((real)1 - momentum)", WHOLE),
    Mutant("not centred", " - mean[column], unit", ", unit", NORMALISED, PLAIN),
    Mutant("channels without beta", "unit * gamma[column] + beta[column]", "unit * gamma[column]", NORMALISED, PLAIN),
    Mutant("x̂ is not scaled", "normalised[i] = unit;\n  y[i]", "normalised[i] = centred;\n  y[i]", NORMALISED, PLAIN),
    Mutant("channels: the mask of another element",
           "control, i, layer, threshold, scale, &derivative);\n  slope[i] = derivative;\n}\n\n// Sums over each",
           "control, i / 4, layer, threshold, scale, &derivative);\n  slope[i] = derivative;\n}\n\n// Sums over each",
           NORMALISED, {"name": None, "rate": 0.3}),
    Mutant("channels: d x̂", "\n    along += value * normalised[i];", "\n    along += value;", NORM),
    Mutant("channels: γ and β", "  beta_gradient[column] = level;\n  gamma_gradient[column] = along;",
           "  beta_gradient[column] = along;\n  gamma_gradient[column] = level;", NORM),
    Mutant("channels: mean of d", " * along - level) * factor", " * along) * factor", NORM),
    Mutant("channels: a sum of d x̂", "gamma_gradient[part.column] / rows", "gamma_gradient[part.column]", NORM),
    Mutant("channels: no γ", "gamma[part.column] * inverse[part.column]", "inverse[part.column]", NORM),
    Mutant("channels: sums where there is no bias", "if (sums && mine", "if (mine", NORM),
    Mutant("a bias that is not there", "(bias ? bias[i % width] : (real)0)", "bias[i % width]", NO_BIAS),
    Mutant("a normalised bias that is not there", "mine && bias ? bias[column]", "mine ? bias[column]", NO_BIAS),
    Mutant("the gradient of no bias", "if (bias_gradient && column", "if (column", NO_BIAS),
    Mutant("the gradient of no bias before a norm", "if (bias_gradient) bias_gradient", "bias_gradient", NO_BIAS),
]  # fmt: skip
