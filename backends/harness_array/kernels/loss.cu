// The loss of a batch, and its gradient by the logits. After kernels.cu, in one source.

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
