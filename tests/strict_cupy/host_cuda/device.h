// CUDA C++ for a host's compiler: what kernels may say, apart from threads (threads.h).
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <limits>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
#define __constant__ static
#define __shared__ static __attribute__((section("shared_memory")))

#define HOST_CUDA_VECTOR2(name, element, bytes) \
    struct alignas(bytes) name { element x, y; }; \
    inline name make_##name(element x, element y) { return {x, y}; } \
    template <> struct Element<name> { using type = element; };
#define HOST_CUDA_VECTOR4(name, element, bytes) \
    struct alignas(bytes) name { element x, y, z, w; }; \
    inline name make_##name(element x, element y, element z, element w) { return {x, y, z, w}; } \
    template <> struct Element<name> { using type = element; };

template <class T> struct Element { using type = T; };  // of a vector type: what its components are
HOST_CUDA_VECTOR2(char2, signed char, 2)
HOST_CUDA_VECTOR2(uchar2, unsigned char, 2)
HOST_CUDA_VECTOR2(int2, int, 8)
HOST_CUDA_VECTOR2(uint2, unsigned, 8)
HOST_CUDA_VECTOR2(longlong2, long long, 16)
HOST_CUDA_VECTOR2(float2, float, 8)
HOST_CUDA_VECTOR2(double2, double, 16)
HOST_CUDA_VECTOR4(char4, signed char, 4)
HOST_CUDA_VECTOR4(uchar4, unsigned char, 4)
HOST_CUDA_VECTOR4(int4, int, 16)
HOST_CUDA_VECTOR4(uint4, unsigned, 16)
HOST_CUDA_VECTOR4(float4, float, 16)
HOST_CUDA_VECTOR4(double4, double, 16)

template <class A, class B> inline std::common_type_t<A, B> min(A a, B b) { return b < a ? b : a; }
template <class A, class B> inline std::common_type_t<A, B> max(A a, B b) { return a < b ? b : a; }
template <class To, class From> inline To host_cuda_bits(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
inline float __int_as_float(int bits) { return host_cuda_bits<float>(bits); }
inline int __float_as_int(float value) { return host_cuda_bits<int>(value); }
inline float __uint_as_float(unsigned bits) { return host_cuda_bits<float>(bits); }
inline unsigned __float_as_uint(float value) { return host_cuda_bits<unsigned>(value); }
inline double __longlong_as_double(long long bits) { return host_cuda_bits<double>(bits); }
inline long long __double_as_longlong(double value) { return host_cuda_bits<long long>(value); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline int __clz(int bits) { return bits ? __builtin_clz((unsigned)bits) : 32; }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
inline float rsqrt(float x) { return rsqrtf(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
template <class T> inline T __ldg(const T* address) { return *address; }

template <class T> struct SameType { using type = T; };
template <class T> using Same = typename SameType<T>::type;  // of which no template argument is deduced

// One thread runs at a time, so a plain read, change and write is atomic.
template <class T, class V> inline T host_cuda_exchange(T* at, V value) {
    T before = *at;
    *at = (T)value;
    return before;
}
template <class T> inline T atomicAdd(T* at, Same<T> v) { return host_cuda_exchange(at, *at + v); }
template <class T> inline T atomicSub(T* at, Same<T> v) { return host_cuda_exchange(at, *at - v); }
template <class T> inline T atomicExch(T* at, Same<T> v) { return host_cuda_exchange(at, v); }
template <class T> inline T atomicMin(T* at, Same<T> v) { return host_cuda_exchange(at, min(*at, v)); }
template <class T> inline T atomicMax(T* at, Same<T> v) { return host_cuda_exchange(at, max(*at, v)); }
template <class T> inline T atomicOr(T* at, Same<T> v) { return host_cuda_exchange(at, *at | v); }
template <class T> inline T atomicAnd(T* at, Same<T> v) { return host_cuda_exchange(at, *at & v); }
template <class T> inline T atomicCAS(T* at, Same<T> expected, Same<T> v) {
    return host_cuda_exchange(at, *at == expected ? v : *at);
}
inline void __threadfence() {}
inline void __threadfence_block() {}
