// How Python calls a kernel: HOST_CUDA_KERNEL(name) defines name__run and name__describe.
#pragma once
#include <initializer_list>
#include <utility>

#include "threads.h"

namespace host_cuda {
template <class T> constexpr int kind() {
    if constexpr (std::is_same_v<T, bool>) return 'b';
    else if constexpr (std::is_floating_point_v<T>) return 'f';
    else if constexpr (std::is_integral_v<T>) return std::is_signed_v<T> ? 'i' : 'u';
    else return 'V';
}
template <class T> struct Described {
    static constexpr int values[6] = {0, 0, kind<T>(), sizeof(T), sizeof(T), alignof(T)};
};
template <class T> struct Described<T*> {  // is a pointer, to const, kind and bytes of an element, bytes, alignment
    using Bare = std::remove_cv_t<T>;
    using Item = typename Element<Bare>::type;
    static constexpr int values[6] = {1, std::is_const_v<T>, kind<Item>(), sizeof(Item), sizeof(Bare), alignof(Bare)};
};
template <class... A> int describe(void (*)(A...), int* out) {
    for (const int* values : std::initializer_list<const int*>{Described<std::remove_cv_t<A>>::values...})
        for (int i = 0; i < 6; i++) *out++ = values[i];
    return sizeof...(A);
}
template <class... A, size_t... I> void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*(std::remove_cv_t<A>*)arguments[I]...);
}
template <class... A> void call(void (*kernel)(A...), void** arguments) {
    call(kernel, arguments, std::index_sequence_for<A...>{});
}
}  // namespace host_cuda

#define HOST_CUDA_KERNEL(name) \
    static void name##__call(void** arguments) { host_cuda::call(&name, arguments); } \
    extern "C" int name##__run(void** arguments, const unsigned* grid, const unsigned* block) { \
        return host_cuda::run(name##__call, arguments, grid, block); \
    } \
    extern "C" int name##__describe(int* out) { return host_cuda::describe(&name, out); }
extern "C" const char* host_cuda_error() { return host_cuda::error; }
extern "C" void host_cuda_first(unsigned block) { host_cuda::first_block = block; }
extern "C" void host_cuda_order(unsigned order) { host_cuda::order = order; }
