// Memory, streams, events and graphs of a device. One declaration, two definitions, chosen by the linker:
// cuda/runtime.cu (the CUDA runtime) and simt/runtime.cpp (the executor). Errors are gpu::Failure.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "kernels/gpu_failure.h"
#include "kernels/stream.h"

struct CUevent_st;
typedef struct CUevent_st* cudaEvent_t;
struct CUgraphExec_st;
typedef struct CUgraphExec_st* cudaGraphExec_t;

namespace plait::gpu {

struct DeviceInfo {
  std::string name;
  int capability = 0;  // 90 = 9.0; 0 for the executor
  int multiprocessors = 0;
  std::size_t total_bytes = 0, free_bytes = 0;
  std::array<unsigned char, 16> uuid{};  // the same wherever it is seen from; zeros for the executor
};

// True where the kernels run on the SIMT executor.
bool is_executor();

// How many devices there are; 0: why_none() says why, in half a sentence.
int device_count();
std::string why_none();

// Asking takes a few hundred MB of that device for as long as the process lives (a CUDA context).
DeviceInfo device_info(int index);
std::vector<DeviceInfo> devices();  // of all of them

// The calling thread's current device: what it allocates and creates from then on is there.
void use_device(int index);

// The device's memory, aligned to 256 bytes, contents undefined; null for 0 bytes. Throws OutOfMemory
// (kernels/out_of_memory.h). The current device is the calling
// thread's.
void* allocate(std::size_t bytes);
void release(void* memory) noexcept;

// Page-locked memory of the host, for copies that run beside the host.
void* allocate_pinned(std::size_t bytes);
void release_pinned(void* memory) noexcept;

cudaStream_t create_stream();
void destroy(cudaStream_t stream) noexcept;
void synchronize(cudaStream_t stream);

// All are stream-ordered and return at once; the host's memory must stay until they are done.
void copy_to_device(void* device, const void* host, std::size_t bytes, cudaStream_t stream);
void copy_to_host(void* host, const void* device, std::size_t bytes, cudaStream_t stream);
void copy_on_device(void* to, const void* from, std::size_t bytes, cudaStream_t stream);
void set_zero(void* device, std::size_t bytes, cudaStream_t stream);

cudaEvent_t create_event();
void destroy(cudaEvent_t event) noexcept;
void record(cudaEvent_t event, cudaStream_t stream);
void wait(cudaStream_t stream, cudaEvent_t event);                 // the stream's later work follows the event
void synchronize(cudaEvent_t event);                               // the host waits
bool is_done(cudaEvent_t event);                                   // any thread; waits for nobody
double milliseconds_between(cudaEvent_t start, cudaEvent_t stop);  // both are done

// Work enqueued between the two, on this stream and on those joined to it by events, becomes a graph that can be
// replayed with the same pointers.
void begin_capture(cudaStream_t stream);
bool is_captured(cudaStream_t stream);
cudaGraphExec_t end_capture(cudaStream_t stream, std::size_t* nodes = nullptr);
void replay(cudaGraphExec_t graph, cudaStream_t stream);
void destroy(cudaGraphExec_t graph) noexcept;

// A named range of the calling thread's time, for profilers (NVTX); ranges nest. Nothing on the executor.
void push_range(const char* name) noexcept;
void pop_range() noexcept;

}  // namespace plait::gpu
