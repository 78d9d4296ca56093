// The CUDA runtime behind kernels/gpu_runtime.h.
#include "kernels/gpu_runtime.h"

#include <nvtx3/nvToolsExt.h>

#include <cstring>
#include <string>

#include "kernels/launch.h"
#include "kernels/out_of_memory.h"

namespace plait::gpu {

bool is_executor() {
  return false;
}

void use_device(int index) {
  check(cudaSetDevice(index), "choice of a device");
}

int device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  cudaGetLastError();  // forgotten: having no device is an answer, not a failure
  return 0;
}

DeviceInfo device_info(int index) {
  int before = 0;
  check(cudaGetDevice(&before), "the current device");
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "properties of a device");
  DeviceInfo info{.name = properties.name,
                  .capability = properties.major * 10 + properties.minor,
                  .multiprocessors = properties.multiProcessorCount};
  static_assert(sizeof info.uuid == sizeof properties.uuid.bytes);
  std::memcpy(info.uuid.data(), properties.uuid.bytes, sizeof info.uuid);
  check(cudaSetDevice(index), "choice of a device");
  check(cudaMemGetInfo(&info.free_bytes, &info.total_bytes), "memory of a device");
  check(cudaSetDevice(before), "choice of a device");
  return info;
}

std::vector<DeviceInfo> devices() {
  std::vector<DeviceInfo> all;
  for (int i = 0; i < device_count(); ++i) all.push_back(device_info(i));
  return all;
}

std::string why_none() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  cudaGetLastError();
  if (status == cudaSuccess) return count > 0 ? "there is one" : "the CUDA driver knows of no device";
  if (status == cudaErrorInsufficientDriver) return "no CUDA driver, or one that is too old for this program";
  return std::string("the CUDA runtime says: ") + cudaGetErrorString(status);
}

void* allocate(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    std::size_t available = 0, total = 0;
    cudaMemGetInfo(&available, &total);
    throw OutOfMemory(bytes, available);
  }
  check(status, "device memory");
  return memory;
}

void release(void* memory) noexcept {
  cudaFree(memory);
}

void* allocate_pinned(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  const cudaError_t status = cudaMallocHost(&memory, bytes);
  if (status != cudaSuccess) cudaGetLastError();  // thrown below, not found again by the next launch
  check(status, "page-locked memory");
  return memory;
}

void release_pinned(void* memory) noexcept {
  cudaFreeHost(memory);
}

cudaStream_t create_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream");
  return stream;
}

void destroy(cudaStream_t stream) noexcept {
  if (stream != nullptr) cudaStreamDestroy(stream);
}

void synchronize(cudaStream_t stream) {
  check(cudaStreamSynchronize(stream), "the device's work");
}

void copy_to_device(void* device, const void* host, std::size_t bytes, cudaStream_t stream) {
  if (bytes > 0) check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream), "a copy to the device");
}

void copy_to_host(void* host, const void* device, std::size_t bytes, cudaStream_t stream) {
  if (bytes > 0) check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream), "a copy to the host");
}

void copy_on_device(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  if (bytes > 0) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream), "a copy on the device");
}

void set_zero(void* device, std::size_t bytes, cudaStream_t stream) {
  if (bytes > 0) check(cudaMemsetAsync(device, 0, bytes, stream), "a fill with zeros");
}

cudaEvent_t create_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreate(&event), "an event");
  return event;
}

void destroy(cudaEvent_t event) noexcept {
  if (event != nullptr) cudaEventDestroy(event);
}

void record(cudaEvent_t event, cudaStream_t stream) {
  check(cudaEventRecord(event, stream), "an event");
}

void wait(cudaStream_t stream, cudaEvent_t event) {
  check(cudaStreamWaitEvent(stream, event, 0), "a wait for an event");
}

void synchronize(cudaEvent_t event) {
  check(cudaEventSynchronize(event), "the device's work");
}

bool is_done(cudaEvent_t event) {
  const cudaError_t status = cudaEventQuery(event);
  if (status == cudaErrorNotReady) {
    cudaGetLastError();  // forgotten: it is an answer
    return false;
  }
  check(status, "an event");
  return true;
}

double milliseconds_between(cudaEvent_t start, cudaEvent_t stop) {
  float milliseconds = 0.0f;
  check(cudaEventElapsedTime(&milliseconds, start, stop), "the time between two events");
  return static_cast<double>(milliseconds);
}

bool is_captured(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream, &status), "a stream's capture");
  return status != cudaStreamCaptureStatusNone;
}

void begin_capture(cudaStream_t stream) {
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "the capture of a graph");
}

cudaGraphExec_t end_capture(cudaStream_t stream, std::size_t* nodes) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(stream, &graph), "the capture of a graph");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  if (nodes != nullptr) cudaGraphGetNodes(graph, nullptr, nodes);
  cudaGraphDestroy(graph);
  check(status, "the instantiation of a graph");
  return executable;
}

void replay(cudaGraphExec_t graph, cudaStream_t stream) {
  check(cudaGraphLaunch(graph, stream), "the replay of a graph");
}

void destroy(cudaGraphExec_t graph) noexcept {
  if (graph != nullptr) cudaGraphExecDestroy(graph);
}

void push_range(const char* name) noexcept {
  nvtxRangePushA(name);
}

void pop_range() noexcept {
  nvtxRangePop();
}

}  // namespace plait::gpu
