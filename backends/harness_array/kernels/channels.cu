// Sums over the pixels of images, and the batch norm of their channels. After kernels.cu, in one source.
//
// A matrix here has a row for each pixel of a batch, many, and a column for each channel, few: a block by columns would be
// alone with all rows. So each has a chunk of `chunk` rows, and a kernel by columns adds up what the chunks have. The
// chunks are the host's choice, and change no more than rounding. By chunks: blocks of (COLUMNS, LANES), as many as there
// are chunks times ceil(width / COLUMNS); a block's columns change first.

struct Chunk {
  int number, column, start, stop;  // rows start + threadIdx.y, + LANES, … before stop; none where the column is beyond
};

__device__ inline Chunk chunk_of(int rows, int width, int chunk) {
  int across = (width + (int)blockDim.x - 1) / (int)blockDim.x, number = (int)blockIdx.x / across;
  int column = (int)blockIdx.x % across * (int)blockDim.x + (int)threadIdx.x;
  int start = number * chunk, stop = start + chunk < rows ? start + chunk : rows;
  return {number, column, start, column < width ? stop : start};
}

// The gradient of z from that of y, through what `bias_activation` did, and its sums over each chunk. By chunks.
// gradient, slope, out (rows, width); sums (chunks, width): `column_sums` adds them up to the gradient of the bias.
extern "C" __global__ void chunk_activation_backward(const real* __restrict__ gradient, const real* __restrict__ slope,
                                                     real* __restrict__ out, real* __restrict__ sums, int rows, int width,
                                                     int chunk) {
  __shared__ real shared[1024];
  Chunk part = chunk_of(rows, width, chunk);
  real sum = 0;
  for (int row = part.start + threadIdx.y; row < part.stop; row += blockDim.y) {
    int i = row * width + part.column;
    real value = gradient[i] * slope[i];
    out[i] = value;
    sum += value;
  }
  sum = over_lanes(sum, shared);
  if (part.column < width && threadIdx.y == 0) sums[part.number * width + part.column] = sum;
}

// Each chunk's mean of z + bias, and its sum of squared deviations from that mean. By chunks.
// z (rows, width); bias (width,), null where there is none; means, squares (chunks, width).
extern "C" __global__ void channel_moments(const real* __restrict__ z, const real* __restrict__ bias,
                                           real* __restrict__ means, real* __restrict__ squares, int rows, int width,
                                           int chunk) {
  __shared__ real shared[1024];
  Chunk part = chunk_of(rows, width, chunk);
  real shift = bias && part.column < width ? bias[part.column] : (real)0, sum = 0;
  for (int row = part.start + threadIdx.y; row < part.stop; row += blockDim.y)
    sum += z[row * width + part.column] + shift;
  real mean = over_lanes(sum, shared) / (part.stop - part.start);
  sum = 0;
  for (int row = part.start + threadIdx.y; row < part.stop; row += blockDim.y) {
    real centred = z[row * width + part.column] + shift - mean;
    sum += centred * centred;
  }
  sum = over_lanes(sum, shared);
  if (part.column < width && threadIdx.y == 0) {
    means[part.number * width + part.column] = mean;
    squares[part.number * width + part.column] = sum;
  }
}

// A batch's mean and 1 / √(variance + eps) of the chunks' (Chan, Golub & LeVeque, 1983). By columns. Moves the running
// statistics, the variance's unbiased. means, squares (chunks, width); all vectors (width,).
extern "C" __global__ void channel_statistics(const real* __restrict__ means, const real* __restrict__ squares,
                                              real* __restrict__ running_mean, real* __restrict__ running_var,
                                              real* __restrict__ mean, real* __restrict__ inverse, int rows, int width,
                                              int chunk, real momentum, real eps) {
  __shared__ real shared[1024];
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  int chunks = (rows + chunk - 1) / chunk, last = rows - (chunks - 1) * chunk;
  real sum = 0;
  if (column < width)
    for (int i = threadIdx.y; i < chunks; i += blockDim.y)
      sum += means[i * width + column] * (i + 1 < chunks ? chunk : last);
  real centre = over_lanes(sum, shared) / rows;
  sum = 0;
  if (column < width)
    for (int i = threadIdx.y; i < chunks; i += blockDim.y) {
      real off = means[i * width + column] - centre;
      sum += squares[i * width + column] + off * off * (i + 1 < chunks ? chunk : last);
    }
  real spread = over_lanes(sum, shared) / rows;
  if (column >= width || threadIdx.y != 0) return;
  mean[column] = centre;
  inverse[column] = (real)1 / sqrt_(spread + eps);
  running_mean[column] = running_mean[column] * ((real)1 - momentum) + centre * momentum;
  running_var[column] =
      running_var[column] * ((real)1 - momentum) + spread * ((real)rows / (real)(rows - 1)) * momentum;
}

// y = dropout(activation(γ x̂ + β)), x̂ = (z + bias - mean) · inverse; slope is the derivative of y by γ x̂ + β.
// Elementwise, n = rows · width. normalised, z, y, slope (rows, width); normalised is x̂; all vectors (width,).
extern "C" __global__ void channel_norm_activation(const real* __restrict__ z, const real* __restrict__ bias,
                                                   const real* __restrict__ mean, const real* __restrict__ inverse,
                                                   const real* __restrict__ gamma, const real* __restrict__ beta,
                                                   real* __restrict__ normalised, real* __restrict__ y,
                                                   real* __restrict__ slope, const Control* __restrict__ control,
                                                   int rows, int width, int activation, unsigned layer,
                                                   unsigned threshold, real scale) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= rows * width) return;
  int column = i % width;
  real centred = z[i] + (bias ? bias[column] : (real)0) - mean[column], unit = centred * inverse[column], derivative;
  normalised[i] = unit;
  y[i] = emitted(activation, unit * gamma[column] + beta[column], control, i, layer, threshold, scale, &derivative);
  slope[i] = derivative;
}

// Sums over each chunk of d = gradient · slope, and of d x̂. By chunks.
// gradient, slope, normalised (rows, width); levels, alongs (chunks, width).
extern "C" __global__ void channel_gradient_sums(const real* __restrict__ gradient, const real* __restrict__ slope,
                                                 const real* __restrict__ normalised, real* __restrict__ levels,
                                                 real* __restrict__ alongs, int rows, int width, int chunk) {
  __shared__ real shared[1024];
  Chunk part = chunk_of(rows, width, chunk);
  real level = 0, along = 0;
  for (int row = part.start + threadIdx.y; row < part.stop; row += blockDim.y) {
    int i = row * width + part.column;
    real value = gradient[i] * slope[i];
    level += value;
    along += value * normalised[i];
  }
  level = over_lanes(level, shared);
  along = over_lanes(along, shared);
  if (part.column < width && threadIdx.y == 0) {
    levels[part.number * width + part.column] = level;
    alongs[part.number * width + part.column] = along;
  }
}

// The gradients of γ and β (width,): the chunks' sums, added up. By columns. levels, alongs (chunks, width).
extern "C" __global__ void channel_norm_sums(const real* __restrict__ levels, const real* __restrict__ alongs,
                                             real* __restrict__ gamma_gradient, real* __restrict__ beta_gradient,
                                             int chunks, int width) {
  __shared__ real shared[1024];
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  real level = 0, along = 0;
  if (column < width)
    for (int i = threadIdx.y; i < chunks; i += blockDim.y) {
      level += levels[i * width + column];
      along += alongs[i * width + column];
    }
  level = over_lanes(level, shared);
  along = over_lanes(along, shared);
  if (column >= width || threadIdx.y != 0) return;
  beta_gradient[column] = level;
  gamma_gradient[column] = along;
}

// The gradient of z from that of y, through what `channel_norm_activation` did, by the gradients of γ and β (Ioffe &
// Szegedy, 2015, section 3), and its sums over each chunk. By chunks; sums is null where there is no bias.
//   out = γ inverse (d - mean(d) - x̂ mean(d x̂)), d = gradient · slope
extern "C" __global__ void channel_norm_backward(const real* __restrict__ gradient, const real* __restrict__ slope,
                                                 const real* __restrict__ normalised, const real* __restrict__ gamma,
                                                 const real* __restrict__ inverse,
                                                 const real* __restrict__ gamma_gradient,
                                                 const real* __restrict__ beta_gradient, real* __restrict__ out,
                                                 real* __restrict__ sums, int rows, int width, int chunk) {
  __shared__ real shared[1024];
  Chunk part = chunk_of(rows, width, chunk);
  bool mine = part.column < width;
  real factor = mine ? gamma[part.column] * inverse[part.column] : (real)0, sum = 0;
  real along = mine ? gamma_gradient[part.column] / rows : (real)0;
  real level = mine ? beta_gradient[part.column] / rows : (real)0;
  for (int row = part.start + threadIdx.y; row < part.stop; row += blockDim.y) {
    int i = row * width + part.column;
    real value = (gradient[i] * slope[i] - normalised[i] * along - level) * factor;
    out[i] = value;
    sum += value;
  }
  sum = over_lanes(sum, shared);
  if (sums && mine && threadIdx.y == 0) sums[part.number * width + part.column] = sum;
}
