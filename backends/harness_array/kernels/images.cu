// Layers of images: patches of a convolution, pooling, the sum of a residual block. After kernels.cu, in one source.
//
// Images are (rows, height, width, channels): the channels of a pixel are one after another. Elementwise all, over what is
// written, and without atomic operations: where several values meet in one, its thread adds them in a fixed order.

// Where element i of images (·, height, width, channels) is.
struct Place {
  int row, line, column, channel;
};

__device__ inline Place place_of(int i, int height, int width, int channels) {
  int pixel = i / channels, line = pixel / width;
  return {line / height, line % height, pixel % width, i % channels};
}

// Patches of images as the rows of a matrix ("im2col"): a convolution is its product with the weights. n elements of
// out (rows · lines · columns, kernel² · channels), from x (rows, height, width, channels); 0 outside the image.
extern "C" __global__ void patches(const real* __restrict__ x, real* __restrict__ out, int n, int height, int width,
                                   int channels, int lines, int columns, int kernel, int stride, int padding) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int tap = i / channels, taps = kernel * kernel, within = tap % taps;
  Place patch = place_of(tap / taps, lines, columns, 1);
  int line = patch.line * stride + within / kernel - padding, column = patch.column * stride + within % kernel - padding;
  bool inside = 0 <= line && line < height && 0 <= column && column < width;
  out[i] = inside ? x[((patch.row * height + line) * width + column) * channels + i % channels] : (real)0;
}

// The gradient of x from that of its patches ("col2im"): a value of x is in each patch that covers it, and adds up what
// it has there. n elements of out (rows, height, width, channels); gradient (rows · lines · columns, kernel² · channels).
extern "C" __global__ void patches_backward(const real* __restrict__ gradient, real* __restrict__ out, int n, int height,
                                            int width, int channels, int lines, int columns, int kernel, int stride,
                                            int padding) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  Place place = place_of(i, height, width, channels);
  real sum = 0;
  for (int k = 0; k < kernel; k++) {
    int down = place.line + padding - k;  // the patch's line, times the stride
    if (down < 0 || down % stride != 0 || down / stride >= lines) continue;
    for (int l = 0; l < kernel; l++) {
      int across = place.column + padding - l;
      if (across < 0 || across % stride != 0 || across / stride >= columns) continue;
      int patch = (place.row * lines + down / stride) * columns + across / stride;
      sum += gradient[((patch * kernel + k) * kernel + l) * channels + place.channel];
    }
  }
  out[i] = sum;
}

// The largest value of each window of size × size, and which it is: the first of equals, line by line. NaN stays.
// n elements of y and which (rows, lines, columns, channels); x (rows, height, width, channels).
extern "C" __global__ void max_pool(const real* __restrict__ x, real* __restrict__ y, int* __restrict__ which, int n,
                                    int height, int width, int channels, int lines, int columns, int size) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  Place window = place_of(i, lines, columns, channels);
  const real* corner =
      x + ((window.row * height + window.line * size) * width + window.column * size) * channels + window.channel;
  real largest = corner[0];
  int first = 0;
  for (int k = 0; k < size; k++)
    for (int l = 0; l < size; l++) {
      real value = corner[(k * width + l) * channels];
      if (value > largest || value != value) {
        largest = value;
        first = k * size + l;
      }
    }
  y[i] = largest;
  which[i] = first;
}

// The gradient of x from that of y: where the largest value was; 0 elsewhere, and in lines and columns left over.
// n elements of out (rows, height, width, channels); gradient, which (rows, lines, columns, channels).
extern "C" __global__ void max_pool_backward(const real* __restrict__ gradient, const int* __restrict__ which,
                                             real* __restrict__ out, int n, int height, int width, int channels,
                                             int lines, int columns, int size) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  Place place = place_of(i, height, width, channels);
  int down = place.line / size, across = place.column / size;
  real value = 0;
  if (down < lines && across < columns) {
    int window = ((place.row * lines + down) * columns + across) * channels + place.channel;
    if (which[window] == place.line % size * size + place.column % size) value = gradient[window];
  }
  out[i] = value;
}

// The mean of each window of tall × wide pixels. n elements of y (rows, lines, columns, channels); x as above.
extern "C" __global__ void average_pool(const real* __restrict__ x, real* __restrict__ y, int n, int height, int width,
                                        int channels, int lines, int columns, int tall, int wide) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  Place window = place_of(i, lines, columns, channels);
  const real* corner =
      x + ((window.row * height + window.line * tall) * width + window.column * wide) * channels + window.channel;
  real sum = 0;
  for (int k = 0; k < tall; k++)
    for (int l = 0; l < wide; l++) sum += corner[(k * width + l) * channels];
  y[i] = sum / (tall * wide);
}

// The gradient of x from that of y: a share for each pixel of a window; 0 in lines and columns left over.
// n elements of out (rows, height, width, channels); gradient (rows, lines, columns, channels).
extern "C" __global__ void average_pool_backward(const real* __restrict__ gradient, real* __restrict__ out, int n,
                                                 int height, int width, int channels, int lines, int columns, int tall,
                                                 int wide) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  Place place = place_of(i, height, width, channels);
  int down = place.line / tall, across = place.column / wide;
  bool pooled = down < lines && across < columns;
  int window = ((place.row * lines + down) * columns + across) * channels + place.channel;
  out[i] = pooled ? gradient[window] / (tall * wide) : (real)0;
}

// out = a + b: a residual block and its shortcut, or their gradients. n elements each.
extern "C" __global__ void residual_sum(const real* __restrict__ a, const real* __restrict__ b,
                                        real* __restrict__ out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = a[i] + b[i];
}
