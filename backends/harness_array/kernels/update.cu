// From gradients to parameters, and the control block of the next step. After kernels.cu, in one source.

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
