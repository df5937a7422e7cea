// A grid on one processor: blocks in turn; the threads of a block in turn, on fibers only where they wait for others.
//
// A thread that reaches a barrier is left on its fiber, and another fiber goes on with the next thread: a kernel without
// barriers never switches. A barrier lets go when all its threads have reached it; one that some never reach is an error.
#pragma once
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <ucontext.h>

#include <vector>

#include "device.h"

struct dim3 { unsigned x, y, z; };
static dim3 threadIdx, blockIdx, blockDim, gridDim;
static constexpr int warpSize = 32;

extern char __start_shared_memory[] __attribute__((weak, visibility("hidden")));
extern char __stop_shared_memory[] __attribute__((weak, visibility("hidden")));

namespace host_cuda {
enum State : unsigned char { WAITING_TO_START, READY, AT_BLOCK, AT_WARP, ENDED };
struct Fiber { ucontext_t start; jmp_buf here; bool begun; std::vector<char> stack; };

static constexpr size_t STACK = 1 << 16;
static char error[200];
static unsigned order = 0;  // 0: ascending; 1: descending; others: a permutation each
static unsigned first_block = 0;  // those before it are left out
static void (*entry)(void**);
static void** parameters;
static unsigned total, started, current;
static State state[1024];
static unsigned mask[1024];
static int fiber_of[1024];
static unsigned sequence[1024];
static std::vector<Fiber*> fibers;
static std::vector<int> idle;
static jmp_buf scheduler;  // jumps switch without a system call; a context only begins a fiber
static int running;
static char board[2][1024][16];
static unsigned char side[1024];

static void leave(Fiber* fiber) {
    if (!_setjmp(fiber->here)) _longjmp(scheduler, 1);
}

static void enter(Fiber* fiber) {
    if (_setjmp(scheduler)) return;
    if (fiber->begun) _longjmp(fiber->here, 1);
    fiber->begun = true;
    setcontext(&fiber->start);
}

inline void place(unsigned thread) {
    current = thread;
    threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / (blockDim.x * blockDim.y)};
}

static void work() {
    for (;;) {
        int self = running;
        while (started < total) {
            unsigned thread = sequence[started++];
            fiber_of[thread] = self;
            place(thread);
            entry(parameters);
            state[current] = ENDED;
        }
        idle.push_back(self);
        leave(fibers[self]);
    }
}

static void resume(int fiber) {
    running = fiber;
    enter(fibers[fiber]);
}

static int fresh() {
    if (idle.empty()) {
        Fiber* made = new Fiber{};
        made->stack.resize(STACK);
        getcontext(&made->start);
        made->start.uc_stack.ss_sp = made->stack.data();
        made->start.uc_stack.ss_size = STACK;
        makecontext(&made->start, work, 0);
        fibers.push_back(made);
        return (int)fibers.size() - 1;
    }
    int fiber = idle.back();
    idle.pop_back();
    return fiber;
}

inline void wait(State kind, unsigned lanes) {
    unsigned self = current;
    int fiber = fiber_of[self];
    state[self] = kind;
    mask[self] = lanes;
    leave(fibers[fiber]);
    place(self);
}

inline int fail(const char* what, unsigned thread) {
    snprintf(error, sizeof error, "thread %u of block (%u, %u, %u) %s", thread, blockIdx.x, blockIdx.y, blockIdx.z, what);
    return 1;
}

// Let go whoever may pass; 0: some may, 1: an error.
static int release() {
    bool any = false, block = true;
    unsigned ended = total, waiting = total;
    for (unsigned t = 0; t < total; t++) {
        if (state[t] != AT_BLOCK) block = false;
        if (state[t] == ENDED) ended = t;
        if (state[t] == AT_BLOCK) waiting = t;
    }
    if (block) {
        for (unsigned t = 0; t < total; t++) state[t] = READY;
        return 0;
    }
    for (unsigned first = 0; first < total; first += 32) {
        for (unsigned t = first; t < total && t < first + 32; t++) {
            if (state[t] != AT_WARP) continue;
            bool all = true;
            for (unsigned lane = 0; lane < 32 && first + lane < total; lane++) {
                if (!(mask[t] >> lane & 1)) continue;
                if (state[first + lane] == ENDED) return fail("has ended: its warp waits for it", first + lane);
                all = all && state[first + lane] == AT_WARP && mask[first + lane] == mask[t];
            }
            if (!(mask[t] >> (t - first) & 1)) return fail("is not in the mask of its own call", t);
            if (!all) continue;
            unsigned lanes = mask[t];
            for (unsigned lane = 0; lane < 32 && first + lane < total; lane++)
                if (lanes >> lane & 1) state[first + lane] = READY;
            any = true;
        }
    }
    if (any) return 0;
    if (waiting < total && ended < total) return fail("has ended: others wait for it in __syncthreads()", ended);
    return fail("waits where others do not", waiting < total ? waiting : 0);
}

static int run_block() {
    if (__start_shared_memory) memset(__start_shared_memory, 0xff, __stop_shared_memory - __start_shared_memory);
    started = 0;
    for (unsigned t = 0; t < total; t++) state[t] = WAITING_TO_START, side[t] = 0;
    while (started < total) resume(fresh());
    for (;;) {
        unsigned ended = 0, resumed = 0;
        for (unsigned i = 0; i < total; i++) {
            unsigned t = sequence[i];
            if (state[t] == READY) resumed++, resume(fiber_of[t]);
            if (state[t] == ENDED) ended++;
        }
        if (ended == total) return 0;
        if (!resumed && release()) return 1;
    }
}

static unsigned permuted(unsigned i, unsigned n) {
    if (order < 2) return order ? n - 1 - i : i;
    return (unsigned)(((unsigned long long)i * 7919 + order) % n);  // 7919 is prime: where it divides n, ascending
}

static int run_grid(void (*kernel)(void**), void** arguments, const unsigned* grid, const unsigned* block) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    total = block[0] * block[1] * block[2];
    entry = kernel;
    parameters = arguments;
    for (unsigned i = 0; i < total; i++) sequence[i] = total % 7919 ? permuted(i, total) : i;
    unsigned blocks = grid[0] * grid[1] * grid[2];
    for (unsigned i = first_block; i < blocks; i++) {
        unsigned b = blocks % 7919 ? permuted(i, blocks) : i;
        blockIdx = {b % grid[0], b / grid[0] % grid[1], b / (grid[0] * grid[1])};
        if (run_block()) return 1;
    }
    return 0;
}

// A wild address ends the launch, not the process: the handler jumps back from the fiber, which is abandoned. So does a
// division of integers by 0, of which a device makes any number.
static sigjmp_buf before_fault;
static void fault(int signal) { siglongjmp(before_fault, signal); }

static int run(void (*kernel)(void**), void** arguments, const unsigned* grid, const unsigned* block) {
    struct sigaction ours = {}, segment, bus, arithmetic;
    ours.sa_handler = fault;
    sigaction(SIGSEGV, &ours, &segment);
    sigaction(SIGBUS, &ours, &bus);
    sigaction(SIGFPE, &ours, &arithmetic);
    int failed;
    if (int signal = sigsetjmp(before_fault, 1)) {
        fibers.clear();
        idle.clear();
        failed = fail(signal == SIGFPE ? "divided an integer by 0" : "used memory that is not there", current);
    } else {
        failed = run_grid(kernel, arguments, grid, block);
        if (failed) fibers.clear(), idle.clear();  // some wait for ever
    }
    sigaction(SIGSEGV, &segment, nullptr);
    sigaction(SIGBUS, &bus, nullptr);
    sigaction(SIGFPE, &arithmetic, nullptr);
    return failed;
}

// Another lane's value. Two boards in turn: a lane can be at most one exchange ahead of its warp.
template <class T> inline T exchange(unsigned lanes, T value, int source) {
    static_assert(sizeof value <= 16);
    unsigned self = current, base = self / 32 * 32, at = side[self] ^= 1;
    memcpy(board[at][self], &value, sizeof value);
    wait(AT_WARP, lanes);
    unsigned from = base + (unsigned)source;
    if (source >= 0 && source < 32 && from < total) memcpy(&value, board[at][from], sizeof value);
    return value;
}
inline int lane() { return (int)(current % 32); }
inline int within(int width, int source) {  // the source, or the lane itself where that lies in another part of the warp
    return source / width == lane() / width && source >= 0 ? source : lane();
}
}  // namespace host_cuda

inline void __syncthreads() { host_cuda::wait(host_cuda::AT_BLOCK, 0); }
inline void __syncwarp(unsigned lanes = ~0u) { host_cuda::wait(host_cuda::AT_WARP, lanes); }
template <class T> inline T __shfl_sync(unsigned lanes, T value, int source, int width = 32) {
    return host_cuda::exchange(lanes, value, host_cuda::lane() / width * width + source % width);
}
template <class T> inline T __shfl_xor_sync(unsigned lanes, T value, int bits, int width = 32) {
    return host_cuda::exchange(lanes, value, host_cuda::within(width, host_cuda::lane() ^ bits));
}
template <class T> inline T __shfl_down_sync(unsigned lanes, T value, unsigned by, int width = 32) {
    return host_cuda::exchange(lanes, value, host_cuda::within(width, host_cuda::lane() + (int)by));
}
template <class T> inline T __shfl_up_sync(unsigned lanes, T value, unsigned by, int width = 32) {
    return host_cuda::exchange(lanes, value, host_cuda::within(width, host_cuda::lane() - (int)by));
}
inline unsigned __ballot_sync(unsigned lanes, int predicate) {
    unsigned bits = 0;
    for (int lane = 0; lane < 32; lane++) {
        int other = __shfl_sync(lanes, predicate, lane);
        if (lanes >> lane & 1 && other) bits |= 1u << lane;
    }
    return bits;
}
inline int __any_sync(unsigned lanes, int predicate) { return __ballot_sync(lanes, predicate) != 0; }
inline int __all_sync(unsigned lanes, int predicate) { return __ballot_sync(lanes, !predicate) == 0; }
