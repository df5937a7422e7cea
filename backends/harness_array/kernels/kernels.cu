// A training step, for CuPy's RawModule: NVRTC with -std=c++17 and -DREAL=float or double. This file has what
// the others use, which are compiled after it as one source: vectors.cu, loss.cu and update.cu, which all networks need,
// and images.cu and channels.cu, which layers of images need beside them.
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
