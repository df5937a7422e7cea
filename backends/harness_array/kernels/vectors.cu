// Batches of rows, and what follows a product of vectors: bias, batch norm, activation, dropout. After kernels.cu, in one
// source.

// Rows of uint8 images, divided by `divisor` (255), and their labels, into a batch. Elementwise, n = rows · width.
// images (·, width): the whole set, of which order[epoch_step · batch + row] is taken; where not `resident`, the batch's
// own rows in place. labels (·): int64, in the epoch's order. out (rows, width) real, label_out (rows,) int32.
extern "C" __global__ void gather_bytes(const unsigned char* __restrict__ images, const long long* __restrict__ order,
                                        const long long* __restrict__ labels, real* __restrict__ out,
                                        int* __restrict__ label_out, const Control* __restrict__ control, int rows,
                                        int batch, int width, real divisor, int resident) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= rows * width) return;
  int row = i / width, column = i - row * width;
  long long place = control->epoch_step * batch + row, source = resident ? order[place] : row;
  if (column == 0) label_out[row] = (int)labels[place];
  out[i] = (real)images[source * width + column] / divisor;
}

// The same of float32 vectors, which are used as they are.
extern "C" __global__ void gather_floats(const float* __restrict__ vectors, const long long* __restrict__ order,
                                         const long long* __restrict__ labels, real* __restrict__ out,
                                         int* __restrict__ label_out, const Control* __restrict__ control, int rows,
                                         int batch, int width, int resident) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= rows * width) return;
  int row = i / width, column = i - row * width;
  long long place = control->epoch_step * batch + row, source = resident ? order[place] : row;
  if (column == 0) label_out[row] = (int)labels[place];
  out[i] = (real)vectors[source * width + column];
}

// y = dropout(activation(z + bias)) and slope = ∂y/∂z. Elementwise, n = rows · width.
// z, y, slope (rows, width); bias (width,), null where there is none. Of images, a row is a pixel, a column a channel.
extern "C" __global__ void bias_activation(const real* __restrict__ z, const real* __restrict__ bias,
                                           real* __restrict__ y, real* __restrict__ slope,
                                           const Control* __restrict__ control, int rows, int width, int activation,
                                           unsigned layer, unsigned threshold, real scale) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= rows * width) return;
  real derivative, shifted = z[i] + (bias ? bias[i % width] : (real)0);
  y[i] = emitted(activation, shifted, control, i, layer, threshold, scale, &derivative);
  slope[i] = derivative;
}

// y = dropout(activation(γ x̂ + β)), x̂ = (z + bias - mean) / √(variance + eps) over the batch's rows; slope is the
// derivative of y by γ x̂ + β. By columns. Moves the running statistics, the variance's unbiased: rows is at least 2.
// bias is null where there is none. z, y, slope, normalised (rows, width): normalised is x̂; all vectors (width,); inverse is 1 / √(variance + eps).
extern "C" __global__ void bias_norm_activation(const real* __restrict__ z, const real* __restrict__ bias,
                                                const real* __restrict__ gamma, const real* __restrict__ beta,
                                                real* __restrict__ running_mean, real* __restrict__ running_var,
                                                real* __restrict__ inverse, real* __restrict__ normalised,
                                                real* __restrict__ y, real* __restrict__ slope,
                                                const Control* __restrict__ control, int rows, int width, real momentum,
                                                real eps, int activation, unsigned layer, unsigned threshold, real scale) {
  __shared__ real shared[1024];
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  bool mine = column < width;
  real shift = mine && bias ? bias[column] : (real)0, sum = 0;
  if (mine)
    for (int row = threadIdx.y; row < rows; row += blockDim.y) sum += z[(long long)row * width + column] + shift;
  real mean = over_lanes(sum, shared) / rows;
  sum = 0;
  if (mine)
    for (int row = threadIdx.y; row < rows; row += blockDim.y) {
      real centred = z[(long long)row * width + column] + shift - mean;
      sum += centred * centred;
    }
  real variance = over_lanes(sum, shared) / rows, scaled = (real)1 / sqrt_(variance + eps);
  if (!mine) return;
  if (threadIdx.y == 0) {
    inverse[column] = scaled;
    running_mean[column] = running_mean[column] * ((real)1 - momentum) + momentum * mean;
    running_var[column] =
        running_var[column] * ((real)1 - momentum) + momentum * (variance * ((real)rows / (real)(rows - 1)));
  }
  real g = gamma[column], b = beta[column];
  for (int row = threadIdx.y; row < rows; row += blockDim.y) {
    long long i = (long long)row * width + column;
    real unit = (z[i] + shift - mean) * scaled, derivative;
    y[i] = emitted(activation, unit * g + b, control, i, layer, threshold, scale, &derivative);
    normalised[i] = unit;
    slope[i] = derivative;
  }
}

// Sums (width,) over the rows of a matrix (rows, width): the gradient of the last bias, and what the chunks of images or
// the parts of a product add up to. By columns.
extern "C" __global__ void column_sums(const real* __restrict__ matrix, real* __restrict__ sums, int rows, int width) {
  __shared__ real shared[1024];
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  real sum = 0;
  if (column < width)
    for (int row = threadIdx.y; row < rows; row += blockDim.y) sum += matrix[(long long)row * width + column];
  sum = over_lanes(sum, shared);
  if (column < width && threadIdx.y == 0) sums[column] = sum;
}

// The gradient of z from that of y, through what `bias_activation` did, and its column sums. By columns.
// gradient, slope, out (rows, width); bias_gradient (width,), null where there is no bias.
extern "C" __global__ void activation_backward(const real* __restrict__ gradient, const real* __restrict__ slope,
                                               real* __restrict__ out, real* __restrict__ bias_gradient, int rows,
                                               int width) {
  __shared__ real shared[1024];
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  real sum = 0;
  if (column < width)
    for (int row = threadIdx.y; row < rows; row += blockDim.y) {
      long long i = (long long)row * width + column;
      real value = gradient[i] * slope[i];
      out[i] = value;
      sum += value;
    }
  sum = over_lanes(sum, shared);
  if (bias_gradient && column < width && threadIdx.y == 0) bias_gradient[column] = sum;
}

// The same through what `bias_norm_activation` did (Ioffe & Szegedy, 2015, section 3), and the gradients of γ and β:
//   out = γ inverse (d - mean(d) - x̂ mean(d x̂)), d = gradient · slope
extern "C" __global__ void norm_backward(const real* __restrict__ gradient, const real* __restrict__ slope,
                                         const real* __restrict__ normalised, const real* __restrict__ gamma,
                                         const real* __restrict__ inverse, real* __restrict__ out,
                                         real* __restrict__ gamma_gradient, real* __restrict__ beta_gradient,
                                         real* __restrict__ bias_gradient, int rows, int width) {
  __shared__ real shared[1024];
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  bool mine = column < width;
  real along = 0, level = 0;
  if (mine)
    for (int row = threadIdx.y; row < rows; row += blockDim.y) {
      long long i = (long long)row * width + column;
      real value = gradient[i] * slope[i];
      level += value;
      along += value * normalised[i];
    }
  level = over_lanes(level, shared);
  along = over_lanes(along, shared);
  real factor = mine ? gamma[column] * inverse[column] : (real)0, sum = 0;
  if (mine)
    for (int row = threadIdx.y; row < rows; row += blockDim.y) {
      long long i = (long long)row * width + column;
      real value = (gradient[i] * slope[i] - normalised[i] * (along / rows) - level / rows) * factor;
      out[i] = value;
      sum += value;
    }
  sum = over_lanes(sum, shared);
  if (mine && threadIdx.y == 0) {
    beta_gradient[column] = level;
    gamma_gradient[column] = along;
    if (bias_gradient) bias_gradient[column] = sum;
  }
}
