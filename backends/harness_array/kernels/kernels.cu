// A training step, for CuPy's RawModule: NVRTC with -std=c++17 and -DREAL=float or double. This file has what all networks
// need; images.cu and channels.cu, which are compiled after it as one source, have what layers of images need beside it.
//
// No include, and no type of CUDA's beyond the built-in vectors, so that a shim lets any C++ compiler have it: the tests
// run these kernels on a CPU. Threads are scalar: a step of these networks is bound by its launches, not by memory.
//
// Matrices are row-major and dense. `real` is the network's precision, sums over a batch's losses are in double. What
// varies from step to step is in device memory (Control), so that one captured graph serves every step of an epoch; what
// is a parameter by value is the same in all of them. `rows` is the number of rows in the batch, at most `batch`. A batch's
// matrices and the flat vectors have fewer than 2³⁰ elements, so that an index is an int; the whole set may have more.
//
// Blocks: an elementwise kernel has a thread for each element, (ceil(n / 256)) blocks of (256). A kernel by columns has
// blocks of (COLUMNS, LANES), ceil(width / COLUMNS) of them: thread (x, y) has rows y, y + LANES, … of its column. LANES
// is a power of two, COLUMNS · LANES at most 1024; the numbers are the host's choice, and change no more than rounding.

#ifndef REAL
#define REAL float
#endif
typedef REAL real;

struct Control {            // 80 bytes; the host writes it before an epoch, `finish` moves it on after each step
  long long step;           // updates since the optimizer began
  long long epoch_step;     // steps of this epoch so far: which batch is next
  long long correct;        // rows of this epoch classified rightly
  double learning_rate;     // of this epoch
  double rate;              // of the next update: Adam's has both bias corrections in it
  double eps;               // ε √(1 - β₂ᵗ)
  double decay;             // what AdamW multiplies parameters by: 1 - η λ
  double clip;              // what the gradient is multiplied by: `clip_factor` writes it, the host 1
  unsigned key0, key1;      // of Philox: (seed, epoch)
  unsigned long long spare;
};

enum { IDENTITY = 0, RELU = 1, LEAKY_RELU = 2, GELU = 3, SILU = 4, TANH = 5 };
enum { SGD = 0, ADAM = 1 };

__device__ inline float exp_(float x) { return expf(x); }
__device__ inline double exp_(double x) { return exp(x); }
__device__ inline float log_(float x) { return logf(x); }
__device__ inline double log_(double x) { return log(x); }
__device__ inline float erf_(float x) { return erff(x); }
__device__ inline double erf_(double x) { return erf(x); }
__device__ inline float tanh_(float x) { return tanhf(x); }
__device__ inline double tanh_(double x) { return tanh(x); }
__device__ inline float sqrt_(float x) { return sqrtf(x); }
__device__ inline double sqrt_(double x) { return sqrt(x); }

// Philox4x32-10 (Salmon et al., 2011): four words that are a function of counter and key.
__device__ inline uint4 philox4x32_10(uint4 counter, uint2 key) {
  for (int round = 0; round < 10; round++) {
    unsigned high0 = __umulhi(0xD2511F53u, counter.x), low0 = 0xD2511F53u * counter.x;
    unsigned high1 = __umulhi(0xCD9E8D57u, counter.z), low1 = 0xCD9E8D57u * counter.z;
    counter = make_uint4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
    key.x += 0x9E3779B9u;
    key.y += 0xBB67AE85u;
  }
  return counter;
}

// Whether dropout keeps an element of a batch: word element % 4 of the counter (element / 4, step, layer, its high bits).
__device__ inline bool kept(const Control* control, long long element, unsigned layer, unsigned threshold) {
  unsigned long long quad = (unsigned long long)element >> 2;
  uint4 words = philox4x32_10(make_uint4((unsigned)quad, (unsigned)control->epoch_step, layer, (unsigned)(quad >> 32)),
                              make_uint2(control->key0, control->key1));
  unsigned which = (unsigned)element & 3u;
  unsigned word = which == 0 ? words.x : which == 1 ? words.y : which == 2 ? words.z : words.w;
  return word < threshold;
}

// An activation's value, and its derivative by z.
__device__ inline real activated(int activation, real z, real* slope) {
  if (activation == RELU) {
    *slope = z > 0 ? (real)1 : (real)0;
    return z < 0 ? (real)0 : z;  // NaN stays
  }
  if (activation == LEAKY_RELU) {
    *slope = z > 0 ? (real)1 : (real)0.01;
    return z > 0 ? z : (real)0.01 * z;
  }
  if (activation == GELU) {  // z Φ(z)
    real cdf = (real)0.5 * (erf_(z * (real)0.70710678118654752440) + (real)1);
    *slope = exp_((real)-0.5 * z * z) * (real)0.39894228040143267794 * z + cdf;
    return z * cdf;
  }
  if (activation == SILU) {  // z σ(z), σ(z) = (1 + tanh(z / 2)) / 2
    real sigmoid = (real)0.5 * (tanh_((real)0.5 * z) + (real)1);
    real value = z * sigmoid;
    *slope = ((real)1 - value) * sigmoid + value;
    return value;
  }
  if (activation == TANH) {
    real value = tanh_(z);
    *slope = (real)1 - value * value;
    return value;
  }
  *slope = (real)1;
  return z;
}

// The value after activation and dropout, and its derivative by z. An element is kept where its word is below `threshold`,
// times `scale`; a threshold of 0 means no dropout.
__device__ inline real emitted(int activation, real z, const Control* control, long long element, unsigned layer,
                               unsigned threshold, real scale, real* slope) {
  real value = activated(activation, z, slope);
  if (threshold != 0) {
    bool keep = kept(control, element, layer, threshold);
    value = keep ? value * scale : (real)0;
    *slope = keep ? *slope * scale : (real)0;
  }
  return value;
}

// Add up a value of each thread over the lanes of its column; every lane gets the sum. `shared`: COLUMNS · LANES values.
__device__ inline real over_lanes(real value, real* shared) {
  int place = threadIdx.y * blockDim.x + threadIdx.x;
  shared[place] = value;
  __syncthreads();
  for (int lanes = blockDim.y / 2; lanes > 0; lanes /= 2) {
    if (threadIdx.y < lanes) shared[place] += shared[place + lanes * blockDim.x];
    __syncthreads();
  }
  real sum = shared[threadIdx.x];
  __syncthreads();  // before the next use
  return sum;
}

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

// Softmax cross-entropy with label smoothing ε and weights of classes: each row's loss, whether it is right, and the
// gradient by the logits, summed or mean over the batch. A warp a row: blocks of (128), ceil(rows / 4) of them.
// z (rows, classes) and bias (classes,): the logits are z + bias. gradient (rows, classes); labels, right (rows,) int32;
// row_loss (rows,) double. weights (classes,) are read where `weighted`. A label of no class has a loss of NaN.
//   L = -Σ_c w_c q_c log p_c, q = (1 - ε) one-hot + ε / classes;  ∂L/∂z = (Σ_c w_c q_c) p - w q
// `mean`: the gradient is divided by the rows, or by the sum of the weights of their labels.
extern "C" __global__ void softmax_cross_entropy(const real* __restrict__ z, const real* __restrict__ bias,
                                                 const int* __restrict__ labels, const real* __restrict__ weights,
                                                 real* __restrict__ gradient, double* __restrict__ row_loss,
                                                 int* __restrict__ right, int rows, int classes, double smoothing,
                                                 int weighted, int mean) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (row >= rows) return;
  const real* logits = z + (long long)row * classes;
  real* out = gradient + (long long)row * classes;
  int label = labels[row];
  bool known = 0 <= label && label < classes;
  real best = 0;
  int likeliest = classes;  // none yet
  for (int c = lane; c < classes; c += 32) {
    real logit = logits[c] + bias[c];
    if (likeliest == classes || logit > best) {
      best = logit;
      likeliest = c;
    }
  }
  for (int step = 16; step > 0; step /= 2) {
    real other = __shfl_xor_sync(0xffffffffu, best, step);
    int its = __shfl_xor_sync(0xffffffffu, likeliest, step);
    if (its != classes && (likeliest == classes || other > best || (other == best && its < likeliest))) {
      best = other;
      likeliest = its;
    }
  }
  real sum = 0;
  for (int c = lane; c < classes; c += 32) sum += exp_(logits[c] + bias[c] - best);
  double total = 0;  // what a mean is divided by: the weights of all rows' labels
  if (mean && weighted)
    for (int r = lane; r < rows; r += 32)
      if (0 <= labels[r] && labels[r] < classes) total += (double)weights[labels[r]];
  for (int step = 16; step > 0; step /= 2) {
    sum += __shfl_xor_sync(0xffffffffu, sum, step);
    total += __shfl_xor_sync(0xffffffffu, total, step);
  }
  real logarithm = log_(sum), share = (real)(smoothing / classes), hit = (real)(1.0 - smoothing) + share;
  real mass = 0;    // Σ_c w_c q_c
  double loss = 0;  // of this lane's classes
  for (int c = lane; c < classes; c += 32) {
    real target = c == label ? hit : share;
    if (weighted) target *= weights[c];
    mass += target;
    if (target != 0) loss -= (double)target * (double)(logits[c] + bias[c] - best - logarithm);
  }
  for (int step = 16; step > 0; step /= 2) {
    mass += __shfl_xor_sync(0xffffffffu, mass, step);
    loss += __shfl_xor_sync(0xffffffffu, loss, step);
  }
  real factor = mean ? (real)(1.0 / (weighted ? total : (double)rows)) : (real)1;
  for (int c = lane; c < classes; c += 32) {
    real target = c == label ? hit : share;
    if (weighted) target *= weights[c];
    out[c] = (mass * (exp_(logits[c] + bias[c] - best) / sum) - target) * factor;
  }
  if (lane == 0) {
    row_loss[row] = known ? loss : loss + (double)(exp_((real)1e30) - exp_((real)1e30));  // ∞ - ∞
    right[row] = likeliest == label;
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

// Sums of squares of the gradient (n,), one a block, in double: blocks of (256), as many as there are `partial` (blocks,).
extern "C" __global__ void squares(const real* __restrict__ gradient, double* __restrict__ partial, int n) {
  __shared__ double shared[256];
  double sum = 0;
  for (long long i = (long long)blockIdx.x * 256 + threadIdx.x; i < n; i += (long long)gridDim.x * 256)
    sum += (double)gradient[i] * (double)gradient[i];
  shared[threadIdx.x] = sum;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) partial[blockIdx.x] = shared[0];
}

// What the gradient is multiplied by: min(1, clip_norm / (norm + 1e-6)). One block of (256).
extern "C" __global__ void clip_factor(const double* __restrict__ partial, Control* __restrict__ control, int blocks,
                                       double clip_norm) {
  __shared__ double shared[256];
  double sum = 0;
  for (int i = threadIdx.x; i < blocks; i += 256) sum += partial[i];
  shared[threadIdx.x] = sum;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    double factor = clip_norm / (sqrt(shared[0]) + 1e-6);
    control->clip = factor < 1.0 ? factor : 1.0;
  }
}

// The gradient as the optimizer sees it: clipped, with weight_decay · θ added to all, l2 · W to weights.
__device__ inline real penalised(real gradient, real theta, unsigned char is_weight, const Control* control,
                                 real weight_decay, real l2) {
  real value = gradient * (real)control->clip;
  if (weight_decay != 0) value += theta * weight_decay;
  if (l2 != 0 && is_weight) value += theta * l2;
  return value;
}

// Gradient descent: v <- momentum v + g; θ <- θ - η v, with `nesterov` θ - η (g + momentum v). Elementwise over (n,).
// is_weight (n,) uint8, read where l2 is not 0; velocity (n,), null where momentum is 0.
extern "C" __global__ void sgd(real* __restrict__ theta, const real* __restrict__ gradient, real* __restrict__ velocity,
                               const unsigned char* __restrict__ is_weight, const Control* __restrict__ control, int n,
                               real momentum, int nesterov, real weight_decay, real l2) {
  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  real t = theta[i], g = penalised(gradient[i], t, l2 != 0 ? is_weight[i] : 0, control, weight_decay, l2);
  if (momentum != 0) {
    real v = velocity[i] * momentum + g;
    velocity[i] = v;
    g = nesterov ? g + momentum * v : v;
  }
  theta[i] = t - g * (real)control->rate;
}

// Adam, and AdamW by the control block's `decay`: m and v (n,) are the moments, 1 - β as numbers of their own, computed in
// double. Elementwise over (n,).
extern "C" __global__ void adam(real* __restrict__ theta, const real* __restrict__ gradient, real* __restrict__ m,
                                real* __restrict__ v, const unsigned char* __restrict__ is_weight,
                                const Control* __restrict__ control, int n, real beta1, real beta2, real rest1,
                                real rest2, real weight_decay, real l2) {
  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  real t = theta[i], g = penalised(gradient[i], t, l2 != 0 ? is_weight[i] : 0, control, weight_decay, l2);
  real first = m[i] * beta1 + g * rest1, second = v[i] * beta2 + g * g * rest2;
  m[i] = first;
  v[i] = second;
  theta[i] = t * (real)control->decay - first / (sqrt_(second) + (real)control->eps) * (real)control->rate;
}

// The step's mean loss into its place, its rows right to the epoch's, and the control block of the next step. One block
// of (256). row_loss (rows,) double; right, labels (rows,) int32; weights (classes,) where `weighted`; losses (steps,)
// double. `rule`: SGD or ADAM; decay: AdamW's λ, else 0.
extern "C" __global__ void finish(const double* __restrict__ row_loss, const int* __restrict__ right,
                                  const int* __restrict__ labels, const real* __restrict__ weights,
                                  double* __restrict__ losses, Control* __restrict__ control, int rows, int classes,
                                  int weighted, int rule, double beta1, double beta2, double eps, double decay) {
  __shared__ double loss[256], total[256];
  __shared__ int hits[256];
  int t = threadIdx.x, hit = 0;
  double sum = 0, weight = 0;
  for (int row = t; row < rows; row += 256) {
    sum += row_loss[row];
    hit += right[row];
    if (weighted && 0 <= labels[row] && labels[row] < classes) weight += (double)weights[labels[row]];
  }
  loss[t] = sum;
  total[t] = weight;
  hits[t] = hit;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (t < half) {
      loss[t] += loss[t + half];
      total[t] += total[t + half];
      hits[t] += hits[t + half];
    }
    __syncthreads();
  }
  if (t != 0) return;
  losses[control->epoch_step] = loss[0] / (weighted ? total[0] : (double)rows);
  control->correct += hits[0];
  control->epoch_step += 1;
  control->step += 1;
  double learning_rate = control->learning_rate;
  if (rule == ADAM) {
    double next = (double)(control->step + 1), root = sqrt(1.0 - pow(beta2, next));
    control->rate = learning_rate * root / (1.0 - pow(beta1, next));
    control->eps = eps * root;
    control->decay = 1.0 - learning_rate * decay;
  } else {
    control->rate = learning_rate;
  }
}
