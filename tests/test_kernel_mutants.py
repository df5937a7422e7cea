"""Mistakes in the kernels' source: the tests on the CPU notice every one."""

import numpy as np
import pytest

from harness_array.kernels.module import source
from tests import image_kernel_mistakes
from tests.doubles import needs_compiler, strict_cupy
from tests.mutants import MISSED, Mutant
from tests.step_kernels import Launcher

__all__ = ["strict_cupy"]

LAST = "test_kernel_sizes.test_"
FORWARD, LOSS, UPDATE = "test_step_kernels.test_", "test_step_kernels_loss.test_", "test_step_kernels_update.test_"
GATHER = FORWARD + "gathering_takes_the_rows_of_the_step"
BYTES, FLOATS = ({"name": name, "resident": True} for name in ("gather_bytes", "gather_floats"))
BIAS, NORM = FORWARD + "bias_activation_and_dropout", FORWARD + "batch_norm_activation_and_dropout"
CROSS = LOSS + "softmax_cross_entropy"
SMOOTHED = {"smoothing": 0.1, "weighted": True, "mean": True}
PENALISED = {"weight_decay": 0.01, "l2": 0.1}
NESTEROV = PENALISED | {"momentum": 0.9, "nesterov": True}


def of(name, rate=0.0):
    """Return the parameters of a test of an activation."""
    return {"name": name, "rate": rate}


MUTANTS = [
    Mutant("nine rounds", "round < 10", "round < 9", FORWARD + "philox_has_its_known_answers"),
    Mutant("weyl constant", "0x9E3779B9u", "0x9E3779B8u", FORWARD + "philox_has_its_known_answers"),
    Mutant("words swapped", "low1, high0 ^ counter.w ^ key.y, low0", "low0, high0 ^ counter.w ^ key.y, low1",
           FORWARD + "philox_has_its_known_answers"),
    Mutant("mask ignores the step", "(unsigned)control->epoch_step, layer", "0u, layer", BIAS, of(None, 0.3)),
    Mutant("mask ignores the layer", "(unsigned)control->epoch_step, layer", "(unsigned)control->epoch_step, 0u", BIAS,
           of(None, 0.3)),
    Mutant("mask ignores the epoch", "make_uint2(control->key0, control->key1)", "make_uint2(control->key0, 0u)", BIAS,
           of(None, 0.3)),
    Mutant("a word for four", "element & 3u", "element & 0u", FORWARD + "masks_keep_their_share_and_are_independent",
           {"rate": 0.5}),
    Mutant("drops what it keeps", "return word < threshold", "return word >= threshold", BIAS, of(None, 0.3)),
    Mutant("another batch",
           "  long long place = control->epoch_step * batch + row, source = resident ? order[place] : row;\n"
           "  if (column == 0) label_out[row] = (int)labels[place];\n  out[i] = (real)images",
           "  long long place = control->epoch_step * rows + row, source = resident ? order[place] : row;\n"
           "  if (column == 0) label_out[row] = (int)labels[place];\n  out[i] = (real)images", GATHER, BYTES),
    Mutant("one row too many", "if (column == 0) label_out[row] = (int)labels[place];\n  out[i] = (real)vectors",
           "if (column == 0) label_out[row + 1] = (int)labels[place];\n  out[i] = (real)vectors", GATHER, FLOATS),
    Mutant("no division", "source * width + column] / divisor", "source * width + column]", GATHER, BYTES),
    Mutant("relu's slope", "*slope = z > 0 ? (real)1 : (real)0;\n", "*slope = (real)1;\n", BIAS, of("relu")),
    Mutant("leak of 0.1", "z > 0 ? z : (real)0.01 * z", "z > 0 ? z : (real)0.1 * z", BIAS, of("leaky_relu")),
    Mutant("gelu's density", "exp_((real)-0.5 * z * z)", "exp_((real)0.5 * z * z)", BIAS, of("gelu")),
    Mutant("gelu's slope", "(real)0.39894228040143267794 * z + cdf", "(real)0.39894228040143267794 + cdf", BIAS,
           of("gelu")),
    Mutant("silu's slope", "((real)1 - value) * sigmoid + value", "((real)1 - value) * sigmoid", BIAS, of("silu")),
    Mutant("tanh's slope", "(real)1 - value * value", "(real)1 + value * value", BIAS, of("tanh")),
    Mutant("no bias", "z[i] + (bias ? bias[i % width] : (real)0)", "z[i]", BIAS, of("relu")),
    Mutant("bias of a row", "bias[i % width]", "bias[i / width % width]", BIAS, of(None)),
    Mutant("one element too many", "  if (i >= rows * width) return;\n  real derivative",
           "  if (i > rows * width) return;\n  real derivative", BIAS, of(None)),
    Mutant("scale of the mask is missing", "value = keep ? value * scale", "value = keep ? value", BIAS,
           of(None, 0.3)),
    Mutant("the mask's slope", "*slope = keep ? *slope * scale : (real)0", "*slope = *slope * scale", BIAS,
           of(None, 0.3)),
    Mutant("a barrier is missing", "  shared[place] = value;\n  __syncthreads();", "  shared[place] = value;",
           LOSS + "column_sums"),
    Mutant("the last barrier is missing", "  real sum = shared[threadIdx.x];\n  __syncthreads();",
           "  real sum = shared[threadIdx.x];", NORM, of(None)),
    Mutant("a barrier in the loop is missing",
           "shared[place] += shared[place + lanes * blockDim.x];\n    __syncthreads();",
           "shared[place] += shared[place + lanes * blockDim.x];", LOSS + "column_sums"),
    Mutant("a barrier after a return", "  real mean = over_lanes(sum, shared) / rows;\n",
           "  if (!mine) return;\n  real mean = over_lanes(sum, shared) / rows;\n", NORM, of(None)),
    Mutant("variance of a sample", "variance = over_lanes(sum, shared) / rows",
           "variance = over_lanes(sum, shared) / (rows - 1)",
           NORM, of(None)),
    Mutant("no eps", "sqrt_(variance + eps)", "sqrt_(variance)", NORM, of(None)),
    Mutant("running variance is biased", "(variance * ((real)rows / (real)(rows - 1)))", "variance", NORM, of(None)),
    Mutant("running mean's momentum", "running_mean[column] * ((real)1 - momentum) + momentum * mean",
           "running_mean[column] * momentum + momentum * mean", NORM, of(None)),
    Mutant("no beta", "unit * g + b,", "unit * g,", NORM, of(None)),
    Mutant("no maximum", "exp_(logits[c] + bias[c] - best);", "exp_(logits[c] + bias[c]);",
           LOSS + "large_logits_do_not_overflow"),
    Mutant("the last of equals", "its < likeliest", "its > likeliest",
           LOSS + "of_equally_likely_classes_the_first_counts"),
    Mutant("smoothing", "(real)(1.0 - smoothing) + share", "(real)(1.0 - smoothing)", CROSS, SMOOTHED),
    Mutant("no weight of the class", "    if (weighted) target *= weights[c];\n    mass", "    mass", CROSS, SMOOTHED),
    Mutant("gradient's sign", "/ sum) - target) * factor", "/ sum) + target) * factor", CROSS, SMOOTHED),
    Mutant("gradient is not a mean", "real factor = mean ? ", "real factor = !mean ? ", CROSS, SMOOTHED),
    Mutant("mass", "(mass * (exp_", "((exp_", CROSS, SMOOTHED),
    Mutant("label of no class", "known ? loss : loss +", "true ? loss : loss +",
           LOSS + "a_label_of_no_class_has_a_loss_of_nan", {"label": 47}),
    Mutant("a lane's sum is missing", "    mass += __shfl_xor_sync(0xffffffffu, mass, step);\n", "", CROSS, SMOOTHED),
    Mutant("half of a warp", "    sum += __shfl_xor_sync(0xffffffffu, sum, step);", "    if (step < 16) sum += "
           "__shfl_xor_sync(0xffffffffu, sum, step);", CROSS, SMOOTHED),
    Mutant("no slope on the way back", "real value = gradient[i] * slope[i];\n      out[i] = value;",
           "real value = gradient[i];\n      out[i] = value;", LOSS + "activation_backward"),
    Mutant("rows of other lanes", "real value = gradient[i] * slope[i];\n      level += value;",
           "real value = gradient[i] * slope[i];\n      level = value;", LOSS + "norm_backward"),
    Mutant("mean of d x̂", "normalised[i] * (along / rows)", "normalised[i] * along", LOSS + "norm_backward"),
    Mutant("γ and β", "    beta_gradient[column] = level;\n    gamma_gradient[column] = along;",
           "    beta_gradient[column] = along;\n    gamma_gradient[column] = level;", LOSS + "norm_backward"),
    Mutant("squares of a part", "i += (long long)gridDim.x * 256", "i += (long long)gridDim.x * 512",
           LOSS + "clipping_by_the_norm", {"count": 40_001, "limit": 0.5}),
    Mutant("clips upwards", "factor < 1.0 ? factor : 1.0", "factor", LOSS + "clipping_by_the_norm",
           {"count": 257, "limit": 1e6}),
    Mutant("not clipped", "gradient * (real)control->clip", "gradient", UPDATE + "adam", PENALISED),
    Mutant("l2 of all", "if (l2 != 0 && is_weight)", "if (l2 != 0)", UPDATE + "adam", PENALISED),
    Mutant("weight decay's sign", "value += theta * weight_decay", "value -= theta * weight_decay", UPDATE + "adam",
           PENALISED),
    Mutant("velocity is not kept", "    velocity[i] = v;\n", "", UPDATE + "gradient_descent", NESTEROV),
    Mutant("nesterov", "nesterov ? g + momentum * v : v", "nesterov ? v : g + momentum * v",
           UPDATE + "gradient_descent",
           NESTEROV),
    Mutant("ascent", "theta[i] = t - g * (real)control->rate", "theta[i] = t + g * (real)control->rate",
           UPDATE + "gradient_descent", NESTEROV),
    Mutant("one parameter too many",
           "  if (i >= n) return;\n  real t = theta[i], g = penalised(gradient[i], t, l2 != 0 ? "
           "is_weight[i] : 0, control, weight_decay, l2);\n  real first",
           "  if (i > n) return;\n  real t = theta[i], g = penalised(gradient[i], t, l2 != 0 ? "
           "is_weight[i] : 0, control, weight_decay, l2);\n  real first", UPDATE + "adam", PENALISED),
    Mutant("moments swapped", "m[i] * beta1 + g * rest1", "m[i] * beta2 + g * rest1", UPDATE + "adam", PENALISED),
    Mutant("g for g²", "g * g * rest2", "g * rest2", UPDATE + "adam", PENALISED),
    Mutant("ε within the root", "(sqrt_(second) + (real)control->eps)", "sqrt_(second + (real)control->eps)",
           UPDATE + "adam", PENALISED),
    Mutant("no decay", "t * (real)control->decay - first", "t - first", UPDATE + "adam", PENALISED),
    Mutant("sum of losses", "loss[0] / (weighted ? total[0] : (double)rows)", "loss[0]", UPDATE + "the_end_of_a_step",
           {"rows": 47, "weighted": False}),
    Mutant("the next step's place", "losses[control->epoch_step]", "losses[control->epoch_step + 1]",
           UPDATE + "the_end_of_a_step", {"rows": 47, "weighted": True}),
    Mutant("the step does not move on", "  control->epoch_step += 1;\n", "", UPDATE + "the_end_of_a_step",
           {"rows": 3, "weighted": False}),
    Mutant("right ones of one step", "control->correct += hits[0]", "control->correct = hits[0]",
           UPDATE + "the_end_of_a_step", {"rows": 47, "weighted": False}),
    Mutant("rate of this step", "next = (double)(control->step + 1)", "next = (double)control->step",
           UPDATE + "adams_rates_of_each_step"),
    Mutant("correction of the other moment", "(1.0 - pow(beta1, next))", "(1.0 - pow(beta2, next))",
           UPDATE + "adams_rates_of_each_step"),
    Mutant("ε without its correction", "control->eps = eps * root", "control->eps = eps",
           UPDATE + "adams_rates_of_each_step"),
    Mutant("32 bits for an index of the whole set", "vectors[source * width + column]",
           "vectors[(int)source * width + column]", LAST + "rows_of_a_set_of_more_than_two_billion_values_are_gathered",
           {"name": "gather_floats", "dtype": np.float32}),
    Mutant("32 bits for bytes", "out[i] = a[i] + b[i]", "out[i] = a[(int)((unsigned)i * 4u) / 4] + b[i]",
           LAST + "values_of_pixels"),
]  # fmt: skip
TABLE = [*MUTANTS, *image_kernel_mistakes.MUTANTS]


def test_every_mistake_is_one_in_the_source_as_it_is():
    assert len({mutant.name for mutant in TABLE}) == len(TABLE) >= 110
    for mutant in TABLE:
        assert mutant.of(source()) != source()


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("mutant", TABLE, ids=lambda mutant: mutant.name)
def test_a_mistake_in_a_kernel_is_noticed(strict_cupy, monkeypatch, mutant):
    """Its test fails with it."""
    text = mutant.of(source())
    # The module itself last: one of the tests' that is imported here would keep the mistake as its own source.
    for place in ("tests.test_step_kernels", "tests.step_kernels", "harness_array.kernels.module"):
        monkeypatch.setattr(f"{place}.source", lambda: text)
    fixtures = {"strict_cupy": strict_cupy, "launch": Launcher(strict_cupy, "float64")}
    assert mutant.fails(**fixtures), MISSED + mutant.name


@pytest.mark.slow
@needs_compiler
def test_without_a_mistake_their_tests_pass(strict_cupy):
    fixtures = {"strict_cupy": strict_cupy, "launch": Launcher(strict_cupy, "float64")}
    for mutant in {(mutant.test, str(mutant.parameters)): mutant for mutant in TABLE}.values():
        assert not mutant.fails(**fixtures), mutant
