"""Mistakes in what launches the kernels of images, for `tests.test_step_mutants`."""

from harness_array.kernels import aside, chain, channels, cublas, launches, plan, products, tails
from tests.mutants import Mutant

STEP, PLAN = "test_image_step.test_", "test_kernel_plan.test_"
EPOCHS, ODD, CHUNKS = (STEP + name for name in (
    "epochs_are_numpys", "epochs_of_odd_chains_are_numpys", "pixels_of_several_chunks_are_added_up",
))  # fmt: skip
CNN, RESNET, COLOUR, WINDOWS = (
    {"name": name, "placement": "resident"}
    for name in ("cnn", "resnet", "colour, strides, no padding", "windows that leave lines over")
)
WITHIN = {"name": "residuals within a residual"}
MUTANTS = {
    products: [
        Mutant("stride for padding", "layer.kernel, layer.stride, layer.padding",
               "layer.kernel, layer.padding, layer.stride", EPOCHS, COLOUR),
        Mutant("patches of the input's size", "*stage.shape[:2]", "*stage.input_shape[:2]", EPOCHS, COLOUR),
        Mutant("patches are overwritten while the other stream reads them",
               "tools.patch_gradients[: patches.size].reshape(patches.shape)", "patches", EPOCHS, CNN),
        Mutant("patches of a whole batch in the last", "self._weight_gradient(patches, gradient)",
               "self._weight_gradient(self._patches, gradient)", EPOCHS, CNN),
        Mutant("parts of a whole batch", "self._parts[:count]", "self._parts", CHUNKS),
        Mutant("the first part for all", "np.int32(count), np.int32(out.size)", "np.int32(1), np.int32(out.size)",
               CHUNKS),
        Mutant("another input's gradient", "self._tools.blas.product(gradient, self.weight, self._matrix(out, rows), "
               "b_t=True)", "self._tools.blas.product(gradient, self.weight, self._matrix(x, rows), b_t=True)", EPOCHS,
               WINDOWS),
    ],
    aside: [
        Mutant("parts are added up on the main stream", "            with self._side:\n                for launch in "
               "launches:\n                    launch()\n", "            for launch in launches:\n"
               "                launch()\n", CHUNKS),
    ],
    cublas: [
        Mutant("a part's rows", "part = rows // count", "part = rows // count - 1", CHUNKS),
        Mutant("steps swapped", "ctypes.c_longlong(part * columns)", "ctypes.c_longlong(part * inner)", CHUNKS),
        Mutant("a step of the result", "ctypes.c_longlong(inner * columns)", "ctypes.c_longlong(inner * columns + 1)",
               CHUNKS),
    ],
    tails: [
        Mutant("no activation", "np.int32(stage.activation)", "np.int32(0)", EPOCHS, CNN),
        Mutant("a mask for all layers", "np.uint32(stage.dropout_number)", "np.uint32(0)",
               "test_image_launches.test_each_dropout_has_a_mask_of_its_own"),
        Mutant("statistics swapped", '("running_mean", "running_var")', '("running_var", "running_mean")', EPOCHS, CNN),
        Mutant("rows of a full batch", "np.int32(len(matrix)), np.int32(self._width)",
               "np.int32(len(self.y)), np.int32(self._width)", EPOCHS, CNN),
    ],
    channels: [
        Mutant("chunks of a full batch", "np.int32(chunks(len(gradient)))", "np.int32(len(self._parts[0]))", CHUNKS),
        Mutant("sums where no bias is", "sums = self._parts[0] if self._bias is not NOWHERE else NOWHERE",
               "sums = NOWHERE", EPOCHS, CNN),
        Mutant("moments of another chunk", '"channel_moments", z, z, self._bias, *self._parts)',
               '"channel_moments", z, z, self._bias, *self._parts[::-1])', EPOCHS, RESNET),
        Mutant("no gradient of the bias",
               "            *_bias_gradient(self._tools, self._sums, self._bias_gradient, len(gradient)),\n", "",
               EPOCHS, CNN),
    ],
    chain: [
        Mutant("the shortcut's gradient alone", "self._sum(first, second, out)], out", "self._sum(second, second, out)"
               "], out", EPOCHS, RESNET),
        Mutant("no shortcut", "self._sum(chain.y, shortcut.y, y)", "self._sum(chain.y, chain.y, y)", EPOCHS, RESNET),
        Mutant("no gradient through a projection", "StagePass(tools, branch.shortcut, needs_gradient=needs_gradient)",
               "StagePass(tools, branch.shortcut, needs_gradient=False)", EPOCHS, RESNET),
        Mutant("a gradient of the first part of a residual is missing",
               "Chain(tools, branch.parts, needs_gradient=needs_gradient)", "Chain(tools, branch.parts)", ODD, WITHIN),
        Mutant("forwards on the way back", "reversed(backs[self._ahead :])", "backs[self._ahead :]", EPOCHS, CNN),
        Mutant("a pool learns", "learns = learns or part.learns", "learns = part.learns", EPOCHS, CNN),
        Mutant("lines and columns", "zip(pool.input_shape, pool.window, strict=False)",
               "zip(pool.input_shape[1::-1], pool.window, strict=False)", EPOCHS, WINDOWS),
        Mutant("the mean for the largest", '"max_pool" if self._largest else "average_pool"', '"max_pool"', EPOCHS,
               COLOUR),
    ],
    launches: [
        Mutant("the chain is left out on the way back", "        if self._chain.learns:\n", "        if False:\n",
               EPOCHS, CNN),
    ],
    plan: [
        Mutant("a norm after an activation in one stage", "type(layer) is BatchNorm and self.filled < 1",
               "type(layer) is BatchNorm and self.filled < 3", PLAN + "what_follows_a_product_is_part_of_its_stage"),
        Mutant("an activation after dropout in one stage", "type(layer) is Activation and self.filled < 2",
               "type(layer) is Activation and self.filled < 4", PLAN + "what_follows_a_product_is_part_of_its_stage"),
        Mutant("patches of one tap", "return layer.kernel**2 * layer.inputs", "return layer.inputs", EPOCHS, CNN),
        Mutant("patches are not counted", "self.pixels * max(self.width, self.patch)", "self.pixels * self.width",
               PLAN + "patches_that_indices_of_32_bits_cannot_count_have_no_kernels"),
        Mutant("a bias that is not there is added", "isinstance(self.product, Conv2d) and self.product.bias",
               "isinstance(self.product, Conv2d)", PLAN + "a_residual_has_parts_and_a_shortcut_by_their_names"),
        Mutant("a projection does not learn", "return self.shortcut is not None or any(", "return any(",
               PLAN + "a_residual_learns_by_its_projection_alone"),
    ],
}  # fmt: skip
