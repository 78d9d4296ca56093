// What kernel code compiled for the host calls: the current thread's place, rendezvous, shared memory, copies and
// matrix instructions. A kernel runs as fibers, one a CUDA thread, all of a block on one OS thread; every function here
// that waits switches to another thread of the block.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simt/index.h"
#include "kernels/simt/location.h"
#include "kernels/stream.h"

namespace plait::simt {

// The thread that runs on this OS thread. Fibers never move between OS threads.
struct Current {
  Index3 thread, block;
  Extent3 block_size, grid;
  unsigned linear = 0;  // index of the thread in its block
};
extern thread_local constinit Current current __attribute__((tls_model("initial-exec")));

// Block barrier 0; the results of the three reductions over the values that the threads brought.
struct BarrierVotes {
  int count = 0, all = 1, any = 0;
};
BarrierVotes block_barrier(bool value, Location where);
void named_barrier(int id, int threads, bool waits, Location where);

// All lanes of `mask` meet; the last one to arrive runs combine(payloads, arrived, warp) for all of them:
// payloads[lane] is what each lane brought, a pointer into its own stack. orders_memory: a barrier for shared memory as
// well.
using Combine = void (*)(void* const* payloads, std::uint32_t arrived);
void warp_collective(std::uint32_t mask, const char* name, void* payload, Combine combine, bool orders_memory,
                     Location where);

// A shuffle has asked for the value of a lane that is not there: undefined on a GPU.
void report_absent_lane(const char* name, int lane, Location where);

int declare_shared(std::size_t bytes, std::size_t alignment);
void* shared_slot(int slot);
void* dynamic_shared();

void async_copy(void* shared, const void* global, int bytes, int source_bytes, Location where);
void async_commit();
void async_wait(int pending);

void load_matrix(std::uint32_t* registers, int matrices, bool transposed, const void* row, Location where);
void mma_bf16(float* c, const std::uint32_t* a, const std::uint32_t* b, int row_tiles, int column_tiles,
              Location where);
void mma_tf32(float* c, const std::uint32_t* a, const std::uint32_t* b, int row_tiles, int column_tiles,
              Location where);
std::uint32_t to_tf32(float x);

// A kernel call: the arguments are copied.
struct Launch {
  Extent3 grid, block;
  std::size_t shared_bytes = 0;
  const void* kernel = nullptr;  // for its name in reports
  const void* arguments = nullptr;
  std::size_t argument_bytes = 0;
  void (*body)(const void* arguments) = nullptr;
  std::uint64_t serial = 0;  // set when it runs
};
void enqueue(cudaStream_t stream, const Launch& launch);

}  // namespace plait::simt
